"""A run that the last version of schema 1 wrote is read, shown, scanned and compared as any other.

`run_of_schema_1` was written by `fadefollow run fade_crowded_funding fade_rich_carry` of that
version on a lab of two coins and 4-hour bars; its page is left out, and its prices are cut to 300
bars a coin. Its verdicts: crowded_long undecided, crowded_short fade, rich_carry undecided for want
of independent blocks.
"""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import pytest

from fadefollow.cli.render.run import show_run
from fadefollow.results.catalog import entries
from fadefollow.results.diff import differences
from fadefollow.results.record import write_records, write_tables
from fadefollow.results.stored_run import StoredRun
from fadefollow.verdict.model import NotTraded, StanceResult, Verdict

OLD = Path(__file__).parent / "run_of_schema_1"


@pytest.fixture(scope="module")
def run() -> StoredRun:
    return StoredRun(OLD)


@pytest.fixture(scope="module")
def verdicts(run: StoredRun) -> dict[str, Verdict]:
    return {v.phase: v for v in run.result.verdicts}


def words(verdict: Verdict) -> dict[tuple[str, str], str]:
    return {key: one.word for key, one in verdict.results.items()}


def test_it_is_of_schema_1() -> None:
    record = json.loads((OLD / "result.json").read_text("utf-8"))
    assert record["schema"] == 1
    assert [v["verdict"] for v in record["verdicts"]] == ["undecided", "fade", "undecided"]


def test_the_stance_that_paid_pays_and_its_claim_is_supported(verdicts) -> None:
    short = verdicts["crowded_short"]
    assert (short.claim, short.fate, short.fates.book) == ("fade", "supported", "outright")
    assert short.fates.by_book == {"outright": "supported"}
    # of the other stance the first schema said nothing
    assert words(short) == {("fade", "outright"): "pays", ("follow", "outright"): "open"}
    assert short.reason.code == "decided"
    assert short.settle is None
    assert isinstance(short.fade, StanceResult)
    assert short.fade.mean_net_bps == pytest.approx(711.7126, abs=1e-4)
    assert short.fade.ci_bps == pytest.approx((467.4716, 955.2989), abs=1e-4)
    assert math.isnan(short.fade.band_bps[0])  # which it did not know
    assert short.fade.p_adjusted == pytest.approx(2 / 401)
    assert short.fade.placebo is not None
    assert short.fade.placebo.kind == "time"
    assert short.planted_bps == -900.0


def test_what_was_undecided_is_open_with_what_would_have_been_found(verdicts) -> None:
    long = verdicts["crowded_long"]
    assert long.fate == "open"
    assert set(words(long).values()) == {"open"}
    assert long.reason.code == "conditions"
    assert "too uncertain to tell from nothing" in long.reason.detail
    assert not long.reason.detail.startswith("undecided")
    assert long.settle is not None
    assert long.settle.detectable_bps == pytest.approx(590.3776, abs=1e-4)


def test_what_had_too_few_blocks_is_untestable(verdicts) -> None:
    carry = verdicts["rich_carry"]
    assert carry.fate == "untestable"
    assert set(words(carry).values()) == {"untestable"}
    assert carry.reason.code == "few_blocks"
    assert carry.reason.detail == "17 independent blocks, at least 30 are needed"


def test_it_has_the_outright_book_only(run, verdicts) -> None:
    for verdict in verdicts.values():
        hedged = verdict.result("fade", "hedged")
        assert isinstance(hedged, NotTraded)
        assert (hedged.code, hedged.reason) == ("no_hedge", "measured outright only")
    assert set(run.result.trades["book"]) == {"outright"}
    assert run.result.hedged_trades.empty
    assert run.result.hedged_equity.empty
    assert len(run.result.trades) > 300


def test_the_terminal_and_the_catalogue_show_it(
    run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    show_run(run.result, OLD)
    text = capsys.readouterr().out
    assert "3 claims: 1 supported, 1 open, 1 not testable here" in text
    assert "pays +712 [+467, +955]" in text
    assert "an edge of 590 bps would likely have been found" in text
    assert "undecided" not in text
    shutil.copytree(OLD, tmp_path / "20261129T205830Z-small-all")
    (entry,) = entries(tmp_path)
    assert dict(entry.words) == {"open": 1, "supported": 1, "untestable": 1}
    assert entry.paying == (("fade_crowded_funding", "crowded_short"),)


def test_written_anew_it_is_of_the_present_schema_and_the_same_run(run, tmp_path: Path) -> None:
    write_tables(run.result, tmp_path)
    write_records(run.result, tmp_path)
    assert json.loads((tmp_path / "result.json").read_text("utf-8"))["schema"] == 2
    found = differences(run.result, StoredRun(tmp_path).result)
    assert found.identical, [part for part in found.parts if not part.identical]
