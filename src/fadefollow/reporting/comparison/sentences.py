"""A comparison in words: one line that says the main thing, and what to know before reading on."""

from __future__ import annotations

from collections.abc import Iterator

from fadefollow.reporting.comparison.comparison import Comparison, Row, Stored
from fadefollow.reporting.comparison.settings import (
    CODE,
    DATA_FILE,
    LEDGER,
    OPTIONS,
    VERSIONS,
    Setting,
)
from fadefollow.reporting.text.answers import BOOKS
from fadefollow.reporting.text.formatting import count, listed, when
from fadefollow.reporting.text.metrics import Column

#: endings of keys by which intervals and p-values move without any other reason
_CHANCE = ("seed", "draws")


def headline(found: Comparison) -> str:
    """`Same data, 3 settings differ: 1 of 28 fates flips`."""
    return f"{_data(found)}, {_settings(found)}: {_results(found)}"


def notes(found: Comparison) -> tuple[str, ...]:
    """What stands in the way of a plain comparison."""
    return tuple(_notes(found))


def marks(row: Row, runs: tuple[Stored, ...]) -> tuple[str, ...]:
    """What is marked in a row, in words."""
    told = ["fate flips"] if row.flipped else []
    told += [f"{_book(key)}: another word" for key in row.words_differ]
    told += [f"{_book(key)}: intervals do not overlap" for key in row.apart]
    if row.partial:
        have = [one.letter for one, v in zip(runs, row.verdicts, strict=True) if v is not None]
        told.append(f"only in {' and '.join(have)}")
    return tuple(told)


def _book(key: Column) -> str:
    stance, book = key
    return stance if book == "outright" else f"{stance} {BOOKS[book]}"


def _data(found: Comparison) -> str:
    if not found.same_data:
        return "Different data"
    other = [] if found.same_span else ["time"]
    other += [] if found.same_coins else ["coins"]
    return f"Same data but other {' and '.join(other)}" if other else "Same data"


def _settings(found: Comparison) -> str:
    told = (
        [count(n, "setting")] if (n := sum(_is_setting(o, found) for o in found.settings)) else []
    )
    code = sum(one.group == CODE for one in found.settings)
    told += [f"the code of {count(code, 'signal')}"] if code else []
    if any(one.group == VERSIONS for one in found.settings):
        told.append("versions")
    verb = "differs" if told in (["1 setting"], ["the code of 1 signal"]) else "differ"
    said = " and ".join([", ".join(told[:-1]), told[-1]] if len(told) > 1 else told)
    return f"{said} {verb}" if told else "no setting differs"


def _is_setting(one: Setting, found: Comparison) -> bool:
    """Whether somebody chose it for the run; the file of another data set belongs to the data."""
    return one.counted and (found.same_data or one.group != DATA_FILE)


def _results(found: Comparison) -> str:
    shared, flips = found.shared, len(found.flips)
    if not shared and not flips:
        return "no phase is in all of them"
    total = len(shared) if all(not row.partial for row in found.flips) else len(found.rows)
    if flips:
        return f"{flips} of {count(total, 'fate')} {'flips' if flips == 1 else 'flip'}"
    if len(shared) == len(found.rows) and all(row.equal for row in found.rows):
        return "every fate and its numbers are the same"
    return f"none of {count(total, 'fate')} flips" if total > 1 else "the fate stays"


def _notes(found: Comparison) -> Iterator[str]:
    runs = found.runs
    if not found.same_data:
        told = (
            f"{one.letter} {one.run.dataset.get('name')} {one.run.dataset.get('fingerprint')}"
            for one in runs
        )
        yield (
            f"The runs rest on different data ({'; '.join(told)}): what differs in the results "
            "is not the configuration's alone."
        )
    if not found.same_span:
        told = (f"{one.letter} {_span(one)}" for one in runs)
        yield (
            f"The runs cover different time ({'; '.join(told)}): part of what differs is what "
            "happened when."
        )
    if not found.same_coins:
        told = (f"{one.letter} {listed(list(one.coins), 8)}" for one in runs)
        yield f"The runs have different coins ({'; '.join(told)})."
    rows = [sum(row.verdicts[at] is not None for row in found.rows) for at in range(len(runs))]
    if len(set(rows)) > 1:
        told = (f"{one.letter} {often}" for one, often in zip(runs, rows, strict=True))
        yield (
            f"The runs judge different numbers of phases together ({'; '.join(told)}), and p and "
            "intervals are corrected for all that are judged together: the same trades may get "
            "another p and another word by that alone."
        )
    chance = [o.key for o in found.settings if o.group == OPTIONS and o.key.endswith(_CHANCE)]
    searched = [key for key in chance if key.startswith("search")]
    if searched:
        yield (
            f"The searches drew their trials in another way ({listed(searched)}): they may have "
            "chosen other parameters by that alone."
        )
    chance = [key for key in chance if key not in searched]
    if chance:
        yield (
            f"Chance was drawn in another way ({listed(chance)}): intervals and p move a little by "
            "that alone."
        )
    if any(one.group == LEDGER for one in found.settings):
        yield (
            "The ledger knew different numbers of trials when the runs were made: their deflated "
            "Sharpe ratios are not like for like."
        )


def _span(one: Stored) -> str:
    if one.span is None:
        return "no bars"
    return f"{when(one.span[0], clock=False)} to {when(one.span[1], clock=False)}"
