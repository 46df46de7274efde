"""The example notebook runs from top to bottom, and what people in notebooks call works."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import fadefollow as ff
from fadefollow import notebook
from fadefollow.errors import DataError, ParameterError, UnknownNameError
from fadefollow.market.panel import Market
from fadefollow.notebook.telling import command_line
from fadefollow.workspace import init_workspace
from tests.support.paths import ROOT

SCRIPT = ROOT / "docs" / "notebooks" / "execute.py"
STORED = SCRIPT.with_name("fade_or_follow.ipynb")
MOST_BYTES = 300_000
NUMBER = re.compile(r"[−-]?\d[\d\u202f]*(?:\.\d+)?")


def read(path: Path) -> list[Any]:
    """The cells of code."""
    import nbformat

    book = nbformat.read(path, as_version=4)
    nbformat.validate(book)
    return [cell for cell in book.cells if cell.cell_type == "code"]


def shown(cell: Any, kind: str = "text/html") -> str:
    """What a cell shows: the text of its HTML, or what is plain."""
    parts = []
    for output in cell.outputs:
        parts.append(output.get("text", "") if kind == "text/plain" else "")
        parts.append(output.get("data", {}).get(kind, ""))
    return unescape(re.sub(r"<[^>]*>", " ", "".join(parts)))


def parted(text: str) -> tuple[list[str], list[float]]:
    """Words and numbers; without what is another one each time."""
    text = re.sub(r"runs/\d{8}T\d{6}Z", "runs/TIME", text)
    text = re.sub(r"fingerprint [0-9a-f]{12}", "fingerprint", text)
    numbers = [float(n.replace("−", "-").replace("\u202f", "")) for n in NUMBER.findall(text)]
    return NUMBER.sub("#", text).split(), numbers


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """The notebook's cells, executed in a workspace of their own by a kernel of this Python."""
    for needed in ("nbclient", "ipykernel"):
        if importlib.util.find_spec(needed) is None:
            pytest.fail(f"{needed} is missing: pip install -e '.[test]'")
    out = tmp_path_factory.mktemp("notebook") / "executed.ipynb"
    # in a process of its own: Jupyter's warnings and event loops are not ours to mend
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(STORED), "--out", str(out)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        cwd=out.parent,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return read(out)


@pytest.fixture(scope="module")
def stored() -> list[Any]:
    return read(STORED)


def starting(cells: list[Any], source: str) -> Any:
    """The cell that has this line."""
    (found,) = [cell for cell in cells if source in cell.source]
    return found


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mine") / "workspace"
    init_workspace(folder)
    (folder / "datasets" / "short.toml").write_text(
        'title = "A short lab"\nsource = "lab"\nbar = "1h"\n\n'
        '[lab]\nseed = 1\nyears = 0.5\ncoins = ["IBEX", "LARK"]\n'
    )
    return folder


@pytest.fixture
def inside(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(workspace)
    return workspace


# ---- the notebook ----


def test_no_cell_fails_or_warns(executed: list[Any]) -> None:
    outputs = [output for cell in executed for output in cell.outputs]
    assert [o for o in outputs if o.output_type == "error" or o.get("name") == "stderr"] == []


def test_every_cell_shows_something(executed: list[Any]) -> None:
    assert len(executed) >= 10
    assert [cell.source for cell in executed if not cell.outputs] == []


def test_markets_phases_and_verdicts_show_themselves(executed: list[Any]) -> None:
    assert "four simulated coins" in shown(starting(executed, "ff.open_dataset"))
    assert "premium_index" in shown(starting(executed, 'lab.markets["IBEX"]'))
    phases = shown(starting(executed, "ff.detect"))
    assert all(word in phases for word in ("crowded_long", "IBEX", "threshold_bps_per_8h"))
    run = shown(starting(executed, "ff.run("))
    assert "Of 2 claims 1 is supported and 1 open." in run
    assert "what would settle it" in run
    assert "Report: reports/runs/" in run
    verdict = shown(starting(executed, "short_crowds"))
    assert "Fading crowded shorts on IBEX, LARK, TARN, WREN: supported" in verdict
    assert "break-even cost of a round trip" in verdict
    settle = shown(starting(executed, "settle = verdict.settle"), "text/plain")
    assert "would have been found" in settle


def test_the_planted_truth_is_found(executed: list[Any]) -> None:
    said = shown(starting(executed, "import truth"), "text/plain")
    assert "so fading should pay. The words match the planted truth." in said


def test_matplotlib_cell_has_a_png(executed: list[Any]) -> None:
    (output,) = starting(executed, "matplotlib").outputs
    assert len(output.data["image/png"]) > 10_000


def test_what_is_being_done_leaves_nothing_behind(executed: list[Any]) -> None:
    assert shown(starting(executed, "ff.run("), "text/plain").startswith("RunResult(")


def test_the_stored_outputs_are_those_of_this_code(executed: list[Any], stored: list[Any]) -> None:
    assert [cell.source for cell in stored] == [cell.source for cell in executed]
    for kept, new in zip(stored, executed, strict=True):
        for kind in ("text/html", "text/plain"):
            (words, numbers), (new_words, new_numbers) = map(
                parted, (shown(kept, kind), shown(new, kind))
            )
            said = f"run python {SCRIPT.relative_to(ROOT)}; {kept.source}"
            assert words == new_words, said
            # processors differ in the last bit, and that can move an event
            np.testing.assert_allclose(numbers, new_numbers, rtol=0.02, atol=0.5, err_msg=said)


def test_the_stored_notebook_is_small_and_asks_for_nothing() -> None:
    text = STORED.read_text("utf-8")
    assert len(text) < MOST_BYTES
    assert "<script" not in text
    assert not re.search(r"https?://", text)


def test_the_stored_notebook_knows_nothing_of_who_made_it() -> None:
    text = STORED.read_text("utf-8")
    assert not re.search(r"/(home|root|tmp|work|Users)/", text)


# ---- what people in notebooks call ----


def test_names_are_found_when_asked_for() -> None:
    assert {"open_dataset", "detect", "run", "read_run"} <= set(dir(ff))
    assert ff.open_dataset is notebook.open_dataset
    with pytest.raises(AttributeError, match="no attribute 'guess'"):
        _ = ff.guess


def test_a_data_set_and_phases_of_the_workspace_around(inside: Path) -> None:
    lab = ff.open_dataset("short", symbols="LARK, IBEX", until="2021-04-30")
    assert lab.symbols == ("LARK", "IBEX")
    assert str(lab.markets["LARK"].index[-1]) == "2021-04-30 23:00:00+00:00"
    few, many = (ff.detect("funding", lab, quantile=q) for q in (0.99, 0.85))
    assert 0 < len(few) < len(many)
    one = ff.detect(ff.signal("funding")(quantile=0.99), lab.markets["IBEX"])
    assert len(one) == (few.table["symbol"] == "IBEX").sum()
    listed = ff.detect(ff.signal("funding"), iter(lab.markets.values()), quantile=0.99)
    assert len(listed) == len(few)


def test_parameters_are_checked(inside: Path) -> None:
    start = pd.Timestamp("2024-01-01", tz="UTC")
    hour = pd.Timedelta(hours=1)
    market = Market("X", bar=hour, tables={}, start=start, end=start + 24 * hour)
    with pytest.raises(ParameterError, match="quantile"):
        ff.detect("funding", market, quantile=7)
    with pytest.raises(ParameterError, match="takes no others"):
        ff.detect(ff.signal("funding")(), market, quantile=0.9)
    with pytest.raises(UnknownNameError, match="did you mean 'funding'"):
        ff.detect("fundin", market)
    with pytest.raises(DataError, match="at least one"):
        ff.detect("funding", [])


def test_an_indicator_by_name(inside: Path) -> None:
    assert ff.indicator("funding") is ff.indicator(ff.signal("funding"))


def test_a_run_is_kept_with_the_command_that_makes_it_again(inside: Path) -> None:
    made = ff.run(
        "fade_crowded_funding",
        dataset="short",
        symbols=["IBEX"],
        placebo_draws=100,
        bootstrap_draws=100,
    )
    assert made.command == (
        "fadefollow run fade_crowded_funding --dataset short --symbols IBEX "
        "--placebo-draws 100 --bootstrap-draws 100"
    )
    assert made.folder is not None
    assert (made.folder / "report.html").is_file()
    again = ff.read_run("latest")
    assert again.folder == made.folder
    assert repr(again.verdicts[0].fade) == repr(made.verdicts[0].fade)
    assert ff.read_tuning(str(made.folder)) is None


def test_a_run_that_is_not_there(inside: Path) -> None:
    with pytest.raises(UnknownNameError, match="no run named"):
        ff.read_run("never")


def test_flags_and_lists_in_the_command() -> None:
    asked = {"symbols": ("A B", "C"), "fragility": True, "revised": False, "since": None}
    made = command_line(("run", "mine"), asked)
    assert made == "fadefollow run mine --symbols 'A B,C' --fragility"


# ---- the other example notebooks ----

OTHERS = [path for path in sorted(STORED.parent.glob("*.ipynb")) if path != STORED]


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: path.stem)
def test_stored_outputs_hold_no_error_and_ask_for_nothing(path: Path) -> None:
    text = path.read_text("utf-8")
    assert len(text) < MOST_BYTES
    assert "<script" not in text
    assert not re.search(r"https?://|/(home|root|tmp|work|Users)/", text)
    cells = read(path)
    assert [c.source for c in cells if not c.outputs] == []
    assert [o for c in cells for o in c.outputs if o.output_type == "error"] == []


def test_plain_vectorbt_differs_by_funding_and_liquidation_alone() -> None:
    cells = read(STORED.with_name("vectorbt.ipynb"))
    said = shown(starting(cells, "alike ="), "text/plain")
    assert "the same without funding: True" in said
    (sketch,) = re.findall(
        r"(\d+) trades, ([\d.]+) bps", shown(starting(cells, "exits ="), "text/plain")
    )
    ours = parted(shown(starting(cells, "ours =")))[1]
    # leverage, trades, net, funding, liquidated, net without funding of the first row
    assert ours[:2] == [1.0, float(sketch[0])]
    assert ours[2] - ours[3] == pytest.approx(ours[5], abs=0.011)
    assert ours[5] == float(sketch[1])


@pytest.mark.slow
@pytest.mark.parametrize("path", OTHERS, ids=lambda path: path.stem)
def test_other_stored_outputs_are_those_of_this_code(path: Path, tmp_path: Path) -> None:
    out = tmp_path / path.name
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(path), "--out", str(out)],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    for kept, new in zip(read(path), read(out), strict=True):
        (words, numbers), (new_words, new_numbers) = (parted(shown(c)) for c in (kept, new))
        assert words == new_words, kept.source
        np.testing.assert_allclose(numbers, new_numbers, rtol=0.02, atol=0.5, err_msg=kept.source)
