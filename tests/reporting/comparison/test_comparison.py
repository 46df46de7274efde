"""Runs side by side: what differs is found, said and drawn, and nothing else is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from fadefollow.cli.render.comparison import comparison_record, show_comparison
from fadefollow.errors import ParameterError
from fadefollow.reporting import write_run
from fadefollow.reporting.comparison.comparison import Comparison, Row, Stored, compare, read_runs
from fadefollow.reporting.comparison.page import render_comparison
from fadefollow.reporting.comparison.sentences import headline, marks, notes
from fadefollow.reporting.comparison.settings import Setting
from fadefollow.reporting.comparison.tuning import tuning_table
from fadefollow.tuning.model import TuneSettings, Tuning
from fadefollow.verdict.model import NotTraded, RunResult
from tests.support.chromium import CHROMIUM, Browser
from tests.support.reporting_cases import (
    IMG,
    REPORTS,
    SCRIPT,
    Cases,
    build,
    settled,
    stance,
    verdict,
)
from tests.support.tuning_cases import tune, tuned_run

S = "fade_crowded_funding"


def stored(*runs: RunResult, tunings: tuple[Tuning | None, ...] = ()) -> tuple[Stored, ...]:
    jobs = tunings or (None,) * len(runs)
    letters = "ABCDEFGH"
    return tuple(
        Stored(letters[at], Path(f"runs/{at}-{run.name}"), run, job)
        for at, (run, job) in enumerate(zip(runs, jobs, strict=True))
    )


def compared(*runs: RunResult) -> Comparison:
    return compare(stored(*runs))


def page_of(found: Comparison) -> str:
    return render_comparison(found, REPORTS, lambda folder: f"{folder.name}/report.html")


def differing(found: Comparison) -> dict[tuple[str, str], tuple[str, ...]]:
    return {(one.group, one.key): one.values for one in found.settings}


@pytest.fixture(scope="module")
def one() -> RunResult:
    """A small run with a configuration as real runs have it."""
    run = build(("BTC", "ETH"), 120, each=8, strategy=S)
    return replace(
        run,
        dataset={**run.dataset, "fingerprint": "aaaa"},
        config={
            "run": {"dataset": "lab", "strategies": [S], "settings": {"alpha": 0.05, "seed": 1}},
            "dataset": {
                "fingerprint": "aaaa",
                "settings": {
                    "bar": "1h",
                    "files": [{"stream": "perp", "path": "a"}, {"stream": "spot", "path": "b"}],
                },
            },
            "signals": {"funding": {"sha256": "1" * 64}},
            "ledger": {"trials": 12, "variance": 0.1, "lines": 3},
            "strategies": {S: {"trade": {"hold_hours": 72}, "costs": {"taker_bps": 5.0}}},
        },
    )


@pytest.fixture(scope="module")
def other(one: RunResult) -> RunResult:
    """The same with another holding time, a fate that flips, a mean far off, a phase less."""
    config = {
        **one.config,
        "strategies": {S: {"trade": {"hold_hours": 48}, "costs": {"taker_bps": 5.0}}},
    }
    pays, refuted, _ = one.verdicts
    lost = settled(replace(pays, fade=stance(-60.0, (-110.0, -8.0)), hedged={}))
    return replace(one, config=config, verdicts=(lost, refuted))


def test_a_run_compared_with_itself(one: RunResult) -> None:
    found = compared(one, one)
    assert headline(found) == (
        "Same data, no setting differs: every fate and its numbers are the same"
    )
    assert notes(found) == ()
    assert found.settings == ()
    assert found.equal > 20
    assert not any(row.changed for row in found.rows)
    (first, _) = found.overlaps
    count = int((one.trades["strategy"] == S).sum())
    assert (first.both, first.same, first.only_one, first.only_other) == (count, count, 0, 0)


def test_what_differs_is_found_and_said(one: RunResult, other: RunResult) -> None:
    found = compared(one, other)
    assert headline(found) == "Same data, 1 setting differs: 1 of 2 fates flips"
    assert differing(found) == {(f"Strategy {S}", "trade.hold_hours"): ("72", "48")}
    rows = {(row.strategy, row.phase): marks(row, found.runs) for row in found.rows}
    assert rows == {
        (S, "crowded_short"): (
            "fate flips",
            "fade: another word",
            "fade: intervals do not overlap",
        ),
        (S, "crowded_long"): (),
        ("hold_spot", "crowded_short"): ("only in A",),
    }
    (note,) = notes(found)
    assert "judge different numbers of phases together (A 3; B 2)" in note


def test_settings_by_group(one: RunResult) -> None:
    changed = {
        **one.config,
        "run": {
            "dataset": "lab",
            "strategies": [S],
            "settings": {"alpha": 0.1, "seed": 2},
            "revised": True,
        },
        "dataset": {"settings": {"bar": "1h", "files": [{"stream": "perp", "path": "a"}]}},
        "signals": {"funding": {"sha256": "2" * 64}, "doors": {"sha256": "3" * 64}},
        "ledger": {"trials": 13, "variance": 0.1, "lines": 3},
        "strategies": {
            S: {"trade": {"hold_hours": 72.0}, "costs": {"taker_bps": 5.0000001}},
            "new": {"trade": {"hold_hours": 1}},
        },
    }
    found = compared(one, replace(one, config=changed, versions={**one.versions, "python": "4"}))
    assert differing(found) == {
        ("Options", "judging.alpha"): ("0.05", "0.1"),
        ("Options", "judging.seed"): ("1", "2"),
        ("Options", "revised"): ("not set", "yes"),
        ("The data set's file", "files.2.stream"): ("spot", "not set"),
        ("The data set's file", "files.2.path"): ("b", "not set"),
        (f"Strategy {S}", "costs.taker_bps"): ("5.0", "5.0000001"),
        ("Signals' code", "funding"): ("1" * 12, "2" * 12),
        ("Versions", "python"): ("3.11.7", "4"),
        ("Ledger", "trials"): ("12", "13"),
    }
    # neither versions nor the ledger are settings, nor is code
    assert headline(found) == (
        "Same data, 6 settings, the code of 1 signal and versions differ: "
        "every fate and its numbers are the same"
    )
    told = notes(found)
    assert [text.partition(" (")[0] for text in told] == [
        "Chance was drawn in another way",
        "The ledger knew different numbers of trials when the runs were made: their deflated "
        "Sharpe ratios are not like for like.",
    ]


def test_of_long_lists_only_what_not_all_have_is_shown(one: RunResult) -> None:
    names = [f"s{at}" for at in range(9)]
    lists: list[list[str]] = [names, [*names, "extra"]]
    runs = [replace(one, config={"run": {"strategies": some}}) for some in lists]
    assert differing(compared(*runs))["Options", "strategies"] == (
        "9 that all have",
        "9 that all have, and extra",
    )


def test_other_data_time_and_coins_come_first(one: RunResult, other: RunResult) -> None:
    late = {coin: frame.iloc[24:] for coin, frame in one.prices.items()}
    moved = replace(
        other,
        dataset={**other.dataset, "name": "mine", "fingerprint": "bbbb"},
        prices={"BTC": late["BTC"]},
    )
    found = compared(one, moved)
    assert headline(found).startswith("Different data, 1 setting differs: ")
    data, time, coins, _ = notes(found)
    assert "different data (A lab aaaa; B mine bbbb)" in data
    assert "(A 2022-01-01 to 2022-04-30; B 2022-01-02 to 2022-04-30)" in time
    assert "(A BTC, ETH; B BTC)" in coins
    assert headline(compared(one, replace(one, prices=late))).startswith(
        "Same data but other time, no setting differs: "
    )


def test_intervals_that_touch_are_not_apart() -> None:
    def row(low: float) -> Row:
        one = verdict("s", "p", "fade", stance(1.5, (1.0, 2.0)), NotTraded("no"))
        two = verdict("s", "p", "fade", stance(low + 0.5, (low, low + 1)), NotTraded("no"))
        return Row("s", "p", None, (one, two))

    assert row(2.0).apart == ()
    assert row(2.01).apart == (("fade", "outright"),)
    assert row(-0.01).apart == (("fade", "outright"),)
    # the interval for all questions is 3 bps wider: [1, 2] is small, as 2 + 3 < 20, and
    # [17.1, 18.1] pays, as 17.1 − 3 > 0
    assert not row(2.0).flipped
    assert row(17.1).flipped
    assert not row(float("nan")).apart


def test_trades_in_common_are_counted(one: RunResult) -> None:
    mine = one.trades[(one.trades["strategy"] == S) & (one.trades["stance"] == "fade")]
    mine = mine.sort_values("entry_time").head(6).reset_index(drop=True)
    theirs: Any = mine.drop(index=1)  # one is missing
    theirs.loc[2, "exit_time"] += pd.Timedelta(hours=1)  # one ends later
    theirs.loc[3, "return"] += 1e-6  # one comes to something else
    theirs.loc[4, "return"] += 1e-12  # rounding
    theirs.loc[5, "side"] *= -1  # one is another bet
    theirs = pd.concat([theirs, mine.tail(1).assign(entry_time=pd.Timestamp("2030", tz="UTC"))])
    found = compared(replace(one, trades=mine), replace(one, trades=theirs))
    (overlap,) = found.overlaps
    assert overlap.strategy == S
    assert (overlap.both, overlap.same) == (4, 2)
    assert (overlap.only_one, overlap.only_other, overlap.outside) == (2, 1, 1)


def test_how_many_runs_can_be_compared(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"2 to 8 runs can be compared; got 1"):
        read_runs([tmp_path])
    with pytest.raises(ParameterError, match="got 9"):
        read_runs([tmp_path / str(at) for at in range(9)])
    with pytest.raises(ParameterError, match="got a twice"):
        read_runs([tmp_path / "a", tmp_path / "b", tmp_path / "a"])


def test_stored_runs_get_letters(one: RunResult, other: RunResult, tmp_path: Path) -> None:
    folders = [write_run(run, tmp_path, REPORTS) for run in (one, other)]
    found = compare(read_runs(folders))
    assert [(run.letter, run.folder) for run in found.runs] == list(zip("AB", folders, strict=True))
    assert headline(found) == "Same data, 1 setting differs: 1 of 2 fates flips"


def test_comparison_page_shows_flips_intervals_and_links(one: RunResult, other: RunResult) -> None:
    page = page_of(compared(one, other))
    assert "<h1>Same data, 1 setting differs: 1 of 2 fates flips</h1>" in page
    assert "fate flips" in page
    assert 'href="0-fade_crowded_funding/report.html"' in page
    assert page.count('<span class="apart">') == 2  # the interval in both runs
    assert "not in this run" in page
    # fade and follow of the first strategy in both books, and the only stance of the second
    assert page.count('data-chart="book-') == 5
    assert len(page.encode()) < 3_000_000


def test_equity_as_a_table_is_as_it_was_stored(one: RunResult, other: RunResult) -> None:
    equity = other.equity.copy()
    equity[S, "fade"] = 1 + (equity[S, "fade"] - 1) * 2
    equity.index = equity.index - pd.Timedelta(days=60)  # over the end of a year
    page = page_of(compared(one, replace(other, equity=equity)))
    gains = [float(frame[S, "fade"].iloc[-1] - 1) * 100 for frame in (one.equity, equity)]
    told = re.search(r'<th scope="row">All</th><td>(.*?)</td><td>(.*?)</td>', page)
    assert told is not None
    shown = [float(text.replace("\u202f%", "").replace("−", "-")) for text in told.groups()]
    assert shown == [round(gain, 1) for gain in gains]


def test_hostile_runs_are_text(cases: Cases) -> None:
    hostile = replace(cases.hostile, prices={IMG: next(iter(cases.hostile.prices.values()))})
    changed = replace(
        hostile,
        config={"strategies": {IMG: {"text": SCRIPT}}},
        dataset={**hostile.dataset, "name": SCRIPT},
    )
    page = page_of(compared(hostile, changed))
    assert IMG not in page
    assert SCRIPT not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
    for island in re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', page, re.S):
        assert "<" not in island
        json.loads(island)


def test_tuning_jobs_side_by_side(one: RunResult) -> None:
    settings = TuneSettings("fade", trials=30, folds=2)
    jobs = tune(settings), tune(replace(settings, seed=2, objectives=("t", "bps")), seed=6)
    runs = stored(tuned_run(), tuned_run(name="again"), one, tunings=(*jobs, None))
    table = tuning_table(runs)
    assert table is not None
    assert table.head == ("What", "A", "B")
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["Objective"] == ("t-value", "t-value and mean net return, bps")
    assert rows["Sampler, seed"] == ("tpe, 1", "tpe, 2")
    # as tuning_cases says: 0.62 less 0.05 a fold, 0.41 more 0.03 a fold
    assert rows["Deflated Sharpe ratio, fold by fold"] == ("0.57 · 0.52",) * 2
    assert rows["Probability of overfitting (PBO), fold by fold"] == ("44\u202f% · 47\u202f%",) * 2
    assert rows["Net bps out of sample, fold by fold"] == ("−1.0 · +17",) * 2
    assert (
        rows["Out of sample, mean net bps"] == ("crowded shorts +6.2 [−14, 27] in 145 trades",) * 2
    )
    assert tuning_table(runs[1:]) is None


def test_as_json_and_in_the_terminal(
    one: RunResult, other: RunResult, capsys: pytest.CaptureFixture[str]
) -> None:
    found = compared(one, other)
    record: dict[str, Any] = json.loads(json.dumps(comparison_record(found), allow_nan=False))
    assert record["runs"] == {"A": f"runs/0-{S}", "B": f"runs/1-{S}"}
    assert record["settings"] == [
        {"group": f"Strategy {S}", "key": "trade.hold_hours", "values": {"A": "72", "B": "48"}}
    ]
    first = record["results"][0]
    assert (first["flipped"], first["intervals_apart"]) == (True, [["fade", "outright"]])
    assert first["runs"]["B"]["fade"]["outright"]["ci_bps"] == [-110.0, -8.0]
    assert record["results"][2]["runs"]["B"] is None
    show_comparison(found, Path("page.html"))
    told = capsys.readouterr().out
    assert "1 of 2 fates flips" in told
    assert "trade.hold_hours" in told
    assert "comparison: page.html" in told


def test_comparison_never_calls_one_run_better(one: RunResult, other: RunResult) -> None:
    main = page_of(compared(one, other)).partition("<main")[2].partition("</main>")[0]
    words = re.sub(r"<style>.*?</style>|<[^>]+>", " ", main, flags=re.S).lower()
    said = re.findall(r"[^.]*\bbetter\b[^.]*", words)
    assert [" ".join(text.split()) for text in said] == [
        "runs on the same data share their luck and mostly their trades, and a difference "
        "between two of them is not tested here: no row says that one run is better"
    ]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.mark.skipif(not CHROMIUM, reason="needs chromium (apt-get install chromium)")
def test_comparison_draws_its_charts_offline(
    browser: Browser, one: RunResult, other: RunResult, tmp_path: Path
) -> None:
    path = tmp_path / "comparison.html"
    path.write_text(page_of(compared(one, other)), "utf-8")
    browser.open(path, height=6000)
    drawn = "document.querySelectorAll('.chart[data-drawn=true]').length"
    browser.wait(f"{drawn} === 5")
    assert browser.complaints == []
    assert set(browser.requests) <= {path.as_uri(), "data:,"}
    browser.open(path, width=390, height=800, dark=True)
    assert browser.run("document.documentElement.scrollWidth") == 390
    assert browser.complaints == []


def test_titles_do_not_count_as_changed_settings() -> None:
    assert not Setting("Strategy s", "title", ("a", "b"), differs=True).counted
    assert Setting("Strategy s", "params.title", ("a", "b"), differs=True).counted
