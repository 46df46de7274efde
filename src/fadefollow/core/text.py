"""Counts, lists and plurals as every message writes them, and cards by type."""

from __future__ import annotations

from collections.abc import Iterable
from functools import singledispatch
from typing import Any


@singledispatch
def html_card(result: object) -> str | None:  # noqa: ARG001 - dispatched on
    """The HTML card of a result; None, which IPython takes for plain text, if none is registered.

    `fadefollow.reporting.notebook` registers the cards, so that no result imports its rendering.
    """
    return None


def by_text(self: object, printer: Any, cycle: bool) -> None:  # noqa: ARG001, FBT001 - IPython's
    """For `_repr_pretty_` of a result that IPython is to show by its `str`.

    Its `repr` stays complete, so that two results can be compared by it, NaN included. IPython
    looks for the method in a class itself and not in its bases.
    """
    printer.text(str(self))


def whole(number: int) -> str:
    """A count with narrow spaces between thousands: `26 304`."""
    return f"{number:,}".replace(",", "\u202f")


def listed(names: Iterable[str], most: int = 6) -> str:
    """`BTC, ETH, SOL`; of a long list the first, and how many more there are."""
    known = list(names)
    if len(known) <= most:
        return ", ".join(known)
    return f"{', '.join(known[: most - 1])} and {len(known) - most + 1} more"


def plural(number: int, noun: str) -> str:
    """`1 event`, `1 204 events`."""
    return f"{whole(number)} {noun}{'' if number == 1 else 's'}"


def duration(seconds: float) -> str:
    """A time to wait as a person says it: `40 s`, `12 min`, `3.5 h`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
