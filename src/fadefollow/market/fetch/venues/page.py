"""The body of the documentation's page of venues, from the registry, the reaches and ccxt."""

from __future__ import annotations

from fadefollow.market.fetch.venues.reach import reach_of, reach_table
from fadefollow.market.fetch.venues.registry import CALLS, SNAPSHOTS, VENUES

#: above the last table of docs/venues.md
HEAD_OF_REACHES = """\
## What is not given since the listing

Where `--since` lies before that, the fetch says so before it begins, takes what there is, and names
who has more. Venues change this without notice: the month is that from which it is known."""


def page_text() -> str:
    """The body of docs/venues.md: what each venue gives, from this registry and ccxt."""
    lines: list[str] = []
    for venue in VENUES.values():
        lines += [
            f"## {venue.title}",
            "",
            f"`fadefollow data fetch {venue.name} BTC --since 2021-01-01`; contracts: "
            f"{venue.contracts} ones first.",
            "",
            "| stream | ccxt's call | records in an answer | how far back |",
            "|---|---|---|---|",
        ]
        for stream in venue.streams:
            if stream in SNAPSHOTS:
                continue
            call, price = CALLS[stream]
            called = f"`{call}`" if price is None else f"`{call}` (price `{price}`)"
            lines.append(
                f"| {stream} | {called} | {venue.page(stream):,} | {_reach(venue.name, stream)} |"
            )
        for stream in (s for s in venue.streams if s in SNAPSHOTS):
            lines.append(
                f"| {stream} | `{CALLS[stream][0]}` | all | one snapshot a fetch, from now on |"
            )
        missing = [s for s in CALLS if s not in venue.streams]
        if missing:
            lines += ["", f"Not given: {', '.join(missing)}."]
        lines += [x for note in venue.notes for x in ("", f"{note[0].upper()}{note[1:]}.")]
        lines.append("")
    titles = [(venue.name, venue.title) for venue in VENUES.values()]
    return "\n".join([*lines, HEAD_OF_REACHES, "", reach_table(titles)])


def _reach(venue: str, stream: str) -> str:
    found = reach_of(venue, stream)
    return "since the listing" if found is None else f"{found.span}, as of {found.as_of}"
