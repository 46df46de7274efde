"""Where the streams come from that a data set lacks: the command that gets each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

#: stream → the archive or venue that gives the most of its past
GIVEN_BY: Mapping[str, str] = {
    **dict.fromkeys(
        (
            "perp",
            "spot",
            "mark",
            "index",
            "premium_index",
            "funding",
            "open_interest",
            "long_short",
        ),
        "binance-archive",
    ),
    "netflow": "coinmetrics",
    "hash_rate": "coinmetrics",
    "future": "binance",
    "liquidations": "gate",
    "options": "deribit",
}
#: what else there is to know of a stream
_CAVEATS: Mapping[str, str] = {
    "options": "venues give snapshots of now only: its history begins with the first fetch",
    "future": "of the contracts that are listed now",
}
#: coins that a command names
_NAMED = 4


@dataclass(frozen=True)
class Source:
    """How a missing stream is got."""

    command: str  #: to type; empty where no command gets it
    note: str = ""  #: what must be done first, or is to be known


def source_of(
    name: str, *, dataset: str, settings: Mapping[str, Any], coins: Sequence[str], since: str
) -> Source:
    """The command that brings a missing stream into a data set.

    Args:
        name: of a stream; a column, as in `future.volume`, counts as its stream.
        dataset: its name.
        settings: what the data set's TOML says.
        coins: that lack the stream.
        since: first day of the data set, as 2021-01-01.
    """
    wanted = name.partition(".")[0]
    kind, given_by = settings.get("source", ""), GIVEN_BY.get(wanted, "")
    caveat = _CAVEATS.get(wanted, "")
    if kind == "lab":
        return Source("", f"datasets/{dataset}.toml says what the lab simulates")
    if kind == "fetch" and given_by:
        command, note = _fetched(given_by, dataset, str(settings.get("venue", "")))
        named = " ".join(coins[:_NAMED]) + (" …" if len(coins) > _NAMED else "")
        typed = command.format(coins=f"{named} --since {since} --streams {wanted}")
        return Source(f"fadefollow data fetch {typed}", "; ".join(filter(None, (note, caveat))))
    published = f"{given_by} publishes it; " if given_by else ""
    first = f"{published}map a file of it in datasets/{dataset}.toml first"
    note = f"{first}; {caveat}" if caveat else first
    return Source(f"fadefollow data import {dataset} --from FOLDER", note)


def _fetched(given_by: str, dataset: str, venue: str) -> tuple[str, str]:
    """What comes after `data fetch`, with a place for coins and options, and a note."""
    if given_by == "coinmetrics" or (given_by == "binance-archive" and venue == "binance"):
        return f"{given_by} {{coins}} --into {dataset}", ""
    if given_by in ("binance-archive", venue):
        return f"{dataset} {{coins}}", ""
    return f"{given_by} {{coins}}", f"as a data set of its own, not into {dataset}"
