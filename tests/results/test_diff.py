"""Two runs compared: what is equal, what counts, and what is told of the rest."""

from __future__ import annotations

import math
from dataclasses import replace

import pandas as pd
import pytest

from fadefollow.core.notes import Note
from fadefollow.results.diff import Differences, Example, Part, differences
from fadefollow.verdict.exploratory import FragilityRow, SpaTest
from fadefollow.verdict.model import NotTraded, RunResult, StanceResult, Verdict
from fadefollow.verdict.words import Word
from tests.support.reporting_cases import build, stance, verdict

NAN = math.nan
A, B, C = (Note("events-outside", {"strategy": name}, {"events": 1}) for name in "abc")
BOOK = SpaTest(2, "fade_x", "up", "fade", 0.1, 0.2, 0.3, 100, 0.04, "The best book may be luck.")


@pytest.fixture(scope="module")
def run() -> RunResult:
    return build(("BTC", "ETH"), 200, strategy="fade_crowded_funding")


def part(found: Differences, what: str) -> Part:
    return next(one for one in found.parts if one.what == what)


def only(found: Differences) -> Part:
    """The one part in which something differs."""
    (one,) = (one for one in found.parts if not one.identical)
    return one


def with_trades(run: RunResult, trades: pd.DataFrame) -> RunResult:
    return replace(run, trades=trades)


def detecting(one: Verdict, bps: float) -> Verdict:
    """The verdict with another detectable edge of fading."""
    assert isinstance(one.fade, StanceResult)
    return replace(one, fade=replace(one.fade, detectable_bps=bps))


def test_a_run_is_identical_to_itself_also_where_nothing_is_known(run) -> None:
    found = differences(run, run)
    assert found.identical
    assert found.differing == 0
    assert (found.answers, found.notes_gone, found.notes_added) == ((), (), ())
    assert {one.what: one.rows_now for one in found.parts} == {
        "verdicts": 3,
        "trades": len(run.trades),
        "phases": len(run.phases),
        "hedged trades": len(run.hedged_trades),
        "equity": run.equity.size,
        "hedged equity": run.hedged_equity.size,
        "event studies": 2,
        "prices": sum(map(len, run.prices.values())),
    }
    # 23 columns less 6 keys, and no beta in the outright book
    assert part(found, "trades").values == 16 * len(run.trades)
    assert found.values == sum(one.values for one in found.parts)


def test_moment_and_order_do_not_count(run) -> None:
    other = replace(
        run,
        started=run.started + pd.Timedelta("1h"),
        seconds={"data": 9.0},
        command="again",
        notes=(B, A),
        verdicts=run.verdicts[::-1],
        trades=run.trades.iloc[::-1],
        equity=run.equity[run.equity.columns[::-1]],
        event_studies=run.event_studies[::-1],
    )
    found = differences(replace(run, notes=(A, B)), other)
    assert found.identical
    assert (found.notes_gone, found.notes_added) == ((), ())


def test_one_value_is_found_with_its_place_and_its_size(run) -> None:
    trades = run.trades.copy()
    row = trades.iloc[5]
    trades.loc[trades.index[5], "pnl"] = row["pnl"] * 1.25
    one = only(differences(run, with_trades(run, trades)))
    assert (one.what, one.differing, one.gone, one.added) == ("trades", 1, 0, 0)
    assert one.largest == Example(one.largest.row, "pnl", row["pnl"], row["pnl"] * 1.25)
    assert one.largest.relative == pytest.approx(0.2)
    assert one.largest.row.startswith(f"{row['strategy']} × {row['phase']} × {row['stance']} × ")


def test_of_several_values_the_one_that_differs_most_is_told(run) -> None:
    first, second, third = run.verdicts
    other = replace(
        run,
        verdicts=(
            detecting(first, 2 * 36.0),
            second,
            replace(third, n_phases=10),
        ),
    )
    one = only(differences(run, other))
    assert one.differing == 2
    # of 0 → 10 all is new, of twice as much half
    assert (one.largest.field, one.largest.then, one.largest.now) == ("n_phases", 0, 10)
    assert one.largest.relative == 1.0
    other = replace(
        run,
        verdicts=(
            detecting(first, 2 * 36.0),
            replace(second, n_phases=101),
            replace(third, symbols=("LTC",)),
        ),
    )
    one = only(
        differences(replace(run, verdicts=(first, replace(second, n_phases=100), third)), other)
    )
    # of these a word has no size, and 100 → 101 a small one
    assert one.differing == 3
    assert (one.largest.field, one.largest.relative) == ("fade.detectable_bps", 0.5)


@pytest.mark.parametrize(
    ("then", "now", "relative"),
    [
        (1.0, 1.5, 1 / 3),
        (-1.0, 1.0, 2.0),
        (0.0, 2.0, 1.0),
        (0, 4, 1.0),
        (4, 3, 0.25),
        (None, 1.0, NAN),
        ("fade", "follow", NAN),
        (math.inf, 1.0, NAN),
    ],
)
def test_a_difference_is_sized_by_the_larger_value(then, now, relative) -> None:
    assert Example("", "", then, now).relative == pytest.approx(relative, nan_ok=True)


def test_a_number_that_is_there_only_once_differs(run) -> None:
    first, *others = run.verdicts
    other = replace(run, verdicts=(detecting(first, NAN), *others))
    one = only(differences(run, other))
    assert one.differing == 1
    assert one.largest == Example(
        "fade_crowded_funding × crowded_short", "fade.detectable_bps", 36.0, None
    )


def test_rows_that_are_gone_or_new_are_counted_apart(run) -> None:
    event = run.phases.iloc[[3]]
    moved = event.assign(time=event["time"] + pd.Timedelta("1h"))
    phases = pd.concat([run.phases.drop(index=event.index), moved])
    one = only(differences(run, replace(run, phases=phases)))
    assert (one.what, one.differing, one.gone, one.added) == ("phases", 0, 1, 1)
    symbol, phase, time = (event.iloc[0][name] for name in ("symbol", "phase", "time"))
    assert one.gone_example == f"funding × {phase} × {symbol} × {time:%Y-%m-%d %H:%M}"
    assert one.added_example.endswith(f"{time + pd.Timedelta('1h'):%H:%M}")


def test_equal_keys_are_matched_in_order(run) -> None:
    twice = pd.concat([run.trades, run.trades.iloc[:1]])
    assert differences(with_trades(run, twice), with_trades(run, twice)).identical
    one = only(differences(run, with_trades(run, twice)))
    assert (one.differing, one.gone, one.added) == (0, 0, 1)
    assert one.added_example.endswith(" × 2.")


def test_a_column_that_only_one_run_has_differs(run) -> None:
    found = differences(run, replace(run, phases=run.phases.assign(gamma=2.0)))
    assert only(found).differing == len(run.phases)
    # one that nobody has a value for is no difference
    assert differences(run, replace(run, phases=run.phases.assign(gamma=NAN))).identical


def test_another_answer_is_told_with_its_words_and_means(run) -> None:
    first, second, third = run.verdicts
    then = replace(first, hedged={})
    fades, few = (
        verdict(v.strategy, v.phase, "fade", stance(9.0, (4.0, 17.0)), NotTraded("no borrow"))
        for v in (first, third)
    )
    found = differences(
        replace(run, verdicts=(then, second)), replace(run, verdicts=(fades, second, few))
    )
    # of a verdict that is new nothing can be compared
    (answer,) = found.answers
    assert (answer.strategy, answer.phase) == ("fade_crowded_funding", "crowded_short")
    assert answer.fate == ("supported", "supported")
    fade, follow = answer.stances
    assert (fade.stance, fade.book, fade.word, fade.mean_bps) == (
        "fade",
        "outright",
        ("pays", "pays"),
        (42.3, 9.0),
    )
    assert (follow.word, follow.mean_bps[0]) == (("loses", ""), -70.2)
    assert math.isnan(follow.mean_bps[1])
    assert answer.reworded  # following was traded then
    assert part(found, "verdicts").added == 1


BOTH: tuple[tuple[Word, float], ...] = (("open", 4.0), ("small", 4.0))


def test_a_word_of_the_hedged_book_that_changes_is_an_answer(run) -> None:
    first, *others = run.verdicts
    assert isinstance(first.fade, StanceResult)
    then, now = (
        replace(first, hedged={"fade": replace(first.fade, word=word, mean_net_bps=mean)})
        for word, mean in BOTH
    )
    found = differences(
        replace(run, verdicts=(then, *others)), replace(run, verdicts=(now, *others))
    )
    (answer,) = found.answers
    assert answer.reworded
    assert [(s.stance, s.book) for s in answer.stances if s.differs] == [("fade", "hedged")]
    one = only(found)
    assert one.largest == Example(
        "fade_crowded_funding × crowded_short", "hedged.fade.word", "open", "small"
    )


def test_trades_and_equity_of_the_hedged_book_are_compared(run) -> None:
    hedged = run.trades.assign(book="hedged", hedge=5.0, beta=1.1)
    then = replace(run, hedged_trades=hedged, hedged_equity=run.equity)
    now = replace(
        run,
        hedged_trades=hedged.assign(hedge=[6.0, *[5.0] * (len(hedged) - 1)]),
        hedged_equity=run.equity,
    )
    assert differences(then, then).identical
    one = only(differences(then, now))
    assert (one.what, one.differing) == ("hedged trades", 1)
    assert (one.largest.field, one.largest.then, one.largest.now) == ("hedge", 5.0, 6.0)
    assert part(differences(then, now), "hedged equity").values == run.equity.size


def test_splits_fragility_and_spa_are_compared(run) -> None:
    row = FragilityRow("fade_x", "up", "as run", "fade", "fade", 4.0, 40, flips=False)
    then = replace(run, spa=BOOK, fragility=(row,))
    now = replace(
        run, spa=replace(BOOK, p_consistent=0.4), fragility=(replace(row, verdict="open"),)
    )
    found = differences(then, now)
    told = {one.what: one.largest for one in found.parts if not one.identical}
    assert told == {
        "best book": Example("", "p_consistent", 0.2, 0.4),
        "fragility": Example("fade_x × up × as run", "verdict", "fade", "open"),
    }
    assert only(differences(run, replace(run, spa=BOOK))).added == 1


def test_notes_that_differ_are_told_and_do_not_count(run) -> None:
    found = differences(replace(run, notes=(A, B)), replace(run, notes=(B, C)))
    assert found.identical
    assert (found.notes_gone, found.notes_added) == ((A,), (C,))


def test_a_run_without_trades_can_be_compared(run) -> None:
    empty = replace(
        run,
        trades=run.trades.iloc[:0],
        hedged_trades=run.hedged_trades.iloc[:0],
        hedged_equity=run.hedged_equity.iloc[:, :0],
        phases=run.phases.iloc[:0],
        event_studies=(),
        equity=run.equity.iloc[:, :0],
        verdicts=(),
        prices={},
    )
    assert differences(empty, empty).identical
    assert differences(empty, empty).parts == ()
    found = differences(run, empty)
    assert part(found, "trades").gone == len(run.trades)
    assert found.values == 0
