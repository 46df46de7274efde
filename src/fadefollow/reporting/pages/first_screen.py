"""The first screen: how many claims have which fate, and what cannot be tested for want of what."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fadefollow.market.sources import Source, source_of
from fadefollow.reporting.pages.answers import Answer
from fadefollow.reporting.text.answers import needed_blocks, reason_text
from fadefollow.reporting.text.formatting import count, fixed
from fadefollow.verdict.model import RunResult
from fadefollow.verdict.words import Fate, ReasonCode

#: phases that a tile names
NAMED = 4


@dataclass(frozen=True)
class Named:
    """A phase by its name, with a word on it."""

    number: int  #: of its page
    title: str
    note: str = ""


@dataclass(frozen=True)
class Tile:
    """The claims of one kind of fate."""

    fate: Fate  #: that the tile is coloured as
    label: str
    about: str
    named: tuple[Named, ...]

    @property
    def first(self) -> tuple[Named, ...]:
        """Those that the tile names."""
        return self.named if len(self.named) <= NAMED else self.named[: NAMED - 1]


@dataclass(frozen=True)
class Lacking:
    """Phases that cannot be tested for one reason, and what gets what they lack."""

    why: str
    phases: tuple[Named, ...]
    source: Source


#: colour, label, meaning, and the fates of each tile
_TILES: tuple[tuple[Fate, str, str, tuple[Fate, ...]], ...] = (
    (
        "supported",
        "Supported",
        "pays after costs, beyond placebo and momentum",
        ("supported", "fade", "follow"),
    ),
    (
        "refuted",
        "Refuted",
        "loses, too small to trade, or the opposite pays",
        ("refuted", "neither"),
    ),
    ("open", "Open", "this history cannot decide", ("open",)),
    ("untestable", "Not testable here", "too few events, or data missing", ("untestable",)),
)
#: of a disputed claim, which side it is decided for
_SIDES: Mapping[str, str] = {"fade": "fade", "follow": "follow", "neither": "neither"}
#: why phases cannot be tested, where no stream is missing: heading, and what would help
_WHY: Mapping[ReasonCode, tuple[str, str]] = {
    "few_blocks": ("Too few independent events", "a longer history, or more coins"),
    "never_seen": ("Never seen", "a longer history, or more coins"),
    "no_trades": ("No trade came to its end", "a longer history, or more coins"),
    "not_tradable": ("Cannot be traded", ""),
    "no_data": ("No coin can be traded", ""),
}


def tiles(answers: Sequence[Answer]) -> tuple[Tile, ...]:
    """How many claims have which fate, and the names of their phases, surest first."""
    return tuple(
        Tile(
            fate,
            label,
            about,
            tuple(
                _named(a, _SIDES.get(a.verdict.fate, ""))
                for a in answers
                if a.verdict.fate in fates
            ),
        )
        for fate, label, about, fates in _TILES
    )


def _named(answer: Answer, note: str = "") -> Named:
    """The phase; where several strategies trade it, also the strategy."""
    notes = (answer.strategy if answer.again else "", note)
    return Named(answer.number, answer.title, ", ".join(filter(None, notes)))


def lacking(run: RunResult, answers: Sequence[Answer], since: str) -> tuple[Lacking, ...]:
    """What cannot be tested, by missing stream, then by other reasons.

    Args:
        run: what they are of.
        answers: all of it.
        since: first day of its data, as 2021-01-01.
    """
    untested = [a for a in answers if a.verdict.fate == "untestable"]
    streams: dict[str, list[Answer]] = {}
    others: dict[ReasonCode, list[Answer]] = {}
    for answer in untested:
        reason = answer.verdict.reason
        if reason.code == "missing_streams" and reason.streams:
            for name in dict.fromkeys(s.partition(".")[0] for s in reason.streams):
                streams.setdefault(name, []).append(answer)
        else:
            others.setdefault(reason.code, []).append(answer)
    needed = needed_blocks(run.verdicts)
    return (
        *(
            Lacking(
                f"No {name.replace('_', ' ')}",
                tuple(map(_named, of)),
                source_of(
                    name,
                    dataset=str(run.dataset.get("name", "")),
                    settings=_settings(run),
                    coins=list(run.prices),
                    since=since,
                ),
            )
            for name, of in sorted(streams.items(), key=lambda item: -len(item[1]))
        ),
        *(_other(code, of, needed) for code, of in others.items()),
    )


def _other(code: ReasonCode, answers: Sequence[Answer], needed: float) -> Lacking:
    why, helps = _WHY.get(code, ("", ""))
    if code == "few_blocks":
        why = f"{why}: {count(int(needed), 'block')} needed"
    return Lacking(why or "Other reasons", tuple(_noted(a) for a in answers), Source("", helps))


def _noted(answer: Answer) -> Named:
    reason = answer.verdict.reason
    if reason.code == "few_blocks" and not math.isnan(reason.blocks):
        note = fixed(math.floor(reason.blocks))
    else:
        note = "" if reason.code == "never_seen" else reason_text(reason)
    return _named(answer, note)


def _settings(run: RunResult) -> Mapping[str, Any]:
    """What the TOML of the data set said."""
    found = run.config.get("dataset", {})
    settings = found.get("settings", {}) if isinstance(found, Mapping) else {}
    return settings if isinstance(settings, Mapping) else {}
