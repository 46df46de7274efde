"""Notes on the data: what was covered, left out, revised, accepted."""

from __future__ import annotations

from collections.abc import Sequence

from fadefollow.core.notes import Note
from fadefollow.core.text import listed
from fadefollow.market.audit.gate import ERRORS, HOPELESS
from fadefollow.results.notes.wording import (
    FEW,
    Wording,
    coins_of,
    grouped,
    many,
    percent,
    place,
    semicolons,
    single,
)

#: names of coins that are left out; the others are in `result.json`
MANY = 40


def _universe(note: Note) -> str:
    f = note.figures
    often = f"{f['fewest']}" if f["fewest"] == f["most"] else f"{f['fewest']} to {f['most']}"
    mean = ", ".join(f"{year} {count:.3g}" for year, count in f["mean_by_year"])
    return (
        f"universe: {f['rule']}, by what was known then: {often} coins at {f['dates']} dates from "
        f"{f['first']} on ({mean} in the mean), {f['different']} different ones; events "
        "before that or of a coin that is no member do not count, positions are held on"
    )


def _revised(note: Note) -> str:
    f = note.figures
    share = f["revised"] / f["records"]
    text = f"{place(note)}: {f['revised']} of {f['records']} records ({share:.1%}) were revised"
    if f["mean"] is None:
        return text
    return (
        f"{text}, {f['column']} by {f['mean']:.6g} in the mean and {f['largest']:.6g} at most "
        f"({f['unit']})"
    )


def _all_revised(notes: Sequence[Note]) -> str:
    said = [f"{n.figures['revised']} of {n.figures['records']} of {place(n)}" for n in notes]
    return f"records were revised: {listed(dict.fromkeys(said), FEW)}"


def _clipped(notes: Sequence[Note]) -> str:
    return f"runs are clipped to the time {'; '.join(map(_time_covered, notes))}"


def _time_covered(note: Note) -> str:
    f = note.figures
    late = f" (the last coin from {f['last_coin_first']})" if f["last_coin_first"] else ""
    streams = " and ".join(f["streams"])
    return f"that {streams} cover: from {f['first']}{late} to {f['last']} UTC"


def _lacking(notes: Sequence[Note]) -> str:
    """The coins by what they lack, and for which strategies."""
    coins: dict[str, dict[str, None]] = {}
    whose: dict[str, dict[str, None]] = {}
    for note in notes:
        streams = " and ".join(note.figures["streams"])
        coins.setdefault(streams, {})[note.about["coin"]] = None
        if strategy := note.about.get("strategy"):
            whose.setdefault(streams, {})[strategy] = None
    said = []
    for streams, names in coins.items():
        one = len(names) == 1
        what = f"{coins_of(names)} {'is' if one else 'are'} left out, {'it' if one else 'they'} "
        of = f" (of {listed(whose[streams])})" if streams in whose else ""
        said.append(f"{what}{'lacks' if one else 'lack'} {streams}{of}")
    return semicolons(said)


def _unseen(notes: Sequence[Note]) -> str:
    if len(notes) == 1:
        (f,) = (note.figures for note in notes)
        where = f"{notes[0].about['stream']} ({coins_of(f['coins'])})"
        return f"without {where} could not be looked for: {listed(f['phases'], FEW)}"
    said = (
        f"{listed(n.figures['phases'], FEW)} without {n.about['stream']} "
        f"({coins_of(n.figures['coins'])})"
        for n in notes
    )
    return f"could not be looked for: {semicolons(said)}"


def _known_shares(notes: Sequence[Note]) -> str:
    shares = ", ".join(map(_known_share, notes))
    return f"share of its time in which each needed stream was known: {shares}"


def _known_share(note: Note) -> str:
    f = note.figures
    if f["short"]:
        rule = f"counted as missing below {100 * f['least_known']:.0f} %"
        more = f" (too little on {coins_of(f['short'])}, {rule})"
    else:
        more = f" (least {f['coin']}, {percent(f['least'])})" if f["least"] < f["share"] else ""
    return f"{note.about['stream']} {percent(f['share'])}{more}"


def _accepted(notes: Sequence[Note]) -> str:
    by_code: dict[str, list[Note]] = {}
    for note in notes:
        by_code.setdefault(note.figures["finding"], []).append(note)
    return "; ".join(
        f"accepted {code} ({ERRORS.get(code, code.replace('-', ' '))}): "
        f"{semicolons(map(_records, found))}"
        for code, found in by_code.items()
    )


def _left_out(notes: Sequence[Note]) -> str:
    """The coins that are left out, by reason; one with several reasons is named with its first."""
    told: set[str] = set()
    coins: dict[tuple[str, str], list[str]] = {}
    for note in notes:
        if note.about["coin"] not in told:
            told.add(note.about["coin"])
            reason = note.about["stream"], note.figures["finding"]
            coins.setdefault(reason, []).append(note.about["coin"])
    words = {**ERRORS, **HOPELESS}
    said = (
        f"{listed(names, MANY)} ({stream}, {code}: {words.get(code, code.replace('-', ' '))})"
        for (stream, code), names in coins.items()
    )
    return f"{many(len(told), 'coin')} left out, as the data cannot be trusted: {semicolons(said)}"


def _records(note: Note) -> str:
    return f"{place(note)}, {note.figures['records']:,} from {note.figures['first'] or 'the start'}"


#: by code
DATA: dict[str, Wording] = {
    "universe": Wording(_universe),
    "universe-empty": single("universe: {rule}; formed at no date in the range, so no events"),
    "universe-unranked": Wording(
        lambda n: f"universe: no volume, never members: {coins_of(n.figures['coins'])}"
    ),
    "universe-unrated": Wording(
        lambda n: (
            "universe: no volume of both perp and spot, never members: "
            f"{coins_of(n.figures['coins'])}"
        )
    ),
    "first-vintages": single(
        "--point-in-time: every record is used as it was published first, and a revision only from "
        "when it was fetched"
    ),
    "last-vintages": single(
        "--revised: every record is used in its last vintage, as nobody knew it at the time: a "
        "look-ahead, good for comparisons only"
    ),
    "revised-records": Wording(_revised, _all_revised),
    "implied-settlements": Wording(
        lambda n: (
            "funding is implied from the premium by the exchange's formula, it was not "
            f"settled so: {n.figures['implied']:,} of {n.figures['settlements']:,} settlements, on "
            f"{coins_of(n.figures['coins'])}"
        )
    ),
    "coin-left-out": grouped(_left_out),
    "accepted-finding": grouped(_accepted),
    "accepted-funding-hole": single(
        "accepted funding-hole: trades held over a hole in funding are left out"
    ),
    "known-share": grouped(_known_shares, first=False),
    "clipped": grouped(_clipped, first=False),
    "coin-lacks-streams": grouped(_lacking, first=False),
    "stream-missing": grouped(_unseen, first=False),
}
