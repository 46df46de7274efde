"""Notes on a scan: how old its data are, what it could not look for."""

from __future__ import annotations

from collections.abc import Sequence

from fadefollow.core.notes import Note
from fadefollow.core.text import listed
from fadefollow.results.notes.wording import (
    FEW,
    Wording,
    coins_of,
    grouped,
    semicolons,
    single,
    who,
    with_reason,
)


def _unreadable(notes: Sequence[Note]) -> str:
    if len(notes) == 1:
        f = notes[0].figures
        return f"the run {f['run']} cannot be read and was left out ({f['error']})"
    said = (f"{n.figures['run']} ({n.figures['error']})" for n in notes)
    return f"{len(notes)} runs cannot be read and were left out: {semicolons(said)}"


def _short(note: Note) -> str:
    f = note.figures
    return (
        f"{note.about['stream']} reaches back {f['days']:.0f} days only, less than may be needed: "
        f"{listed(f['phases'], FEW)} may be missed; each scan keeps what it fetched"
    )


def _absent(note: Note) -> str:
    return f"only for {coins_of(note.figures['coins'])}, none of which is here"


#: by code
SCANS: dict[str, Wording] = {
    "data-end-long-ago": single(
        "the data end {days} days ago: these are the phases of then, not of now"
    ),
    "data-end-before": single("the data end at {last} UTC, before the time asked for"),
    "live-source": single("live from {venue}: up to {days} days, and what earlier scans fetched"),
    "live-days-short": single(
        "{days} days are less than the {needed} that the signals may look back: phases may be "
        "missed"
    ),
    "live-unbound": single(
        "a live scan is not bound by the holdout of {dataset}: it measures nothing"
    ),
    "stream-short": Wording(_short, lambda notes: semicolons(map(_short, notes))),
    "name-not-stored": Wording(
        lambda n: f"{n.figures['symbol']!r} is among the largest, but no coin can be stored so",
        lambda notes: (
            "among the largest, but no coin can be stored so: "
            + listed([repr(n.figures["symbol"]) for n in notes], FEW)
        ),
    ),
    "not-looked-for": Wording(
        lambda n: f"could not be looked for: {n.figures['error']}",
        with_reason("could not be looked for"),
    ),
    "coins-absent": Wording(
        _absent, lambda notes: semicolons(f"{who(n)} is {_absent(n)}" for n in notes)
    ),
    "run-unreadable": grouped(_unreadable),
}
