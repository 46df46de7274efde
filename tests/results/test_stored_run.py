"""A stored run: what is read when, and what of earlier and later versions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fadefollow.errors import StoreError
from fadefollow.results import schema
from fadefollow.results.schema import present_form
from fadefollow.results.stored_run import StoredRun

ROW = {"strategy": "fade_doors", "phase": "long_door", "split": None, "fate": "supported"}
COVERAGE = {
    "BTC": {"perp": {"first": "2024-01-02", "last": "2024-03-01"}, "funding": {}},
    "ETH": {"spot": {"first": "2024-01-01", "last": "2024-02-01"}},
}


def put(folder: Path, name: str, **record: object) -> None:
    (folder / name).write_text(json.dumps({"schema": 2, **record}))


@pytest.fixture
def run(tmp_path: Path) -> StoredRun:
    put(
        tmp_path,
        "result.json",
        verdicts=[ROW, {**ROW, "split": "coin=BTC"}],
        dataset={"name": "demo", "fingerprint": "abc", "coverage": COVERAGE},
        seconds={"open": 1.5, "judge": 2.0},
    )
    return StoredRun(tmp_path)


def test_only_the_files_that_are_asked_for_are_read(run: StoredRun) -> None:
    assert [path.name for path in run.folder.iterdir()] == ["result.json"]
    assert (run.dataset, run.fingerprint, run.seconds) == ("demo", "abc", 3.5)
    assert run.range == ("2024-01-01", "2024-03-01")
    assert list(run.rows) == [("fade_doors", "long_door")]
    assert (run.tuned, run.searched, run.tuning, run.bars, run.page) == (None,) * 5
    with pytest.raises(StoreError, match=r"no report\.json"):
        _ = run.name
    with pytest.raises(StoreError, match=r"no trades\.parquet"):
        run.table("trades")


def test_no_file_is_read_twice(run: StoredRun) -> None:
    first = run.record
    put(run.folder, "result.json", dataset={"name": "other"})
    assert run.record is first
    assert run.dataset == "demo"


def test_a_run_that_does_not_say_whether_it_is_simulated_is_known_by_its_source(
    run: StoredRun,
) -> None:
    put(run.folder, "report.json", dataset={})
    (run.folder / "config.toml").write_text('[dataset.settings]\nsource = "lab"\n')
    assert run.simulated


@pytest.mark.parametrize(
    ("text", "says"),
    [("x =", "valid TOML"), (b"\xff\xfe", "UTF-8"), (None, r"no config\.toml")],
)
def test_a_damaged_configuration_is_a_store_error(
    run: StoredRun, text: str | bytes | None, says: str
) -> None:
    if text is not None:
        data = text if isinstance(text, bytes) else text.encode()
        (run.folder / "config.toml").write_bytes(data)
    with pytest.raises(StoreError, match=says):
        _ = run.config


def test_an_earlier_schema_is_brought_into_the_present_form_step_by_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        schema,
        "UPGRADES",
        {
            1: lambda where, record: {
                **record,
                "schema": 2,
                "notes": record["warnings"],
                "of": where.stem,
            },
            2: lambda _where, record: {**record, "schema": 3},
        },
    )
    path, old = tmp_path / "result.json", {"schema": 1, "warnings": ["w"]}
    said = present_form(old, where=path, schema=3)
    assert (said["schema"], said["notes"], said["of"]) == (3, ["w"], "result")
    assert present_form({"schema": 3}, where=path, schema=3) == {"schema": 3}
    for wrong in ({"schema": 0}, {"schema": "1"}, {}, []):  # type: ignore[var-annotated]
        with pytest.raises(ValueError, match=r"result\.json: schema .*, must be 3"):
            present_form(wrong, where=path, schema=3)
    with pytest.raises(StoreError, match="schema 4, where this version knows 3"):
        present_form({"schema": 4}, where=path, schema=3)
