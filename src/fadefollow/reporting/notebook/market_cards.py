"""What a notebook and a terminal show of markets and data sets: spans, records, holes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fadefollow.core.text import html_card, listed, plural, whole
from fadefollow.market.bars import bar_text
from fadefollow.market.datasets.coverage import Coverage, cover
from fadefollow.market.datasets.dataset import Dataset
from fadefollow.market.findings import GRADES
from fadefollow.market.panel import Market
from fadefollow.market.streams import stream
from fadefollow.reporting.notebook.display import card, line, table
from fadefollow.results.notes import note_lines

_HEAD = ("first, UTC", "last, UTC", "records", "missing", "holes")
_HOLES = ("longest hole", "first hole, UTC")
_MOST_COINS, _MOST_STREAMS, _MOST_NOTES = 20, 30, 6


@html_card.register
def market_card(market: Market) -> str:
    """The bars, then each stream: from when to when, how many records, what is missing."""
    title = f"{market.symbol}: {plural(len(market), 'bar')} of {bar_text(market.bar)}"
    if not len(market):
        return card(title)
    covered = [
        cover(market.symbol, market.table(name), stream(name), market.bar)
        for name in market.streams
    ]
    streams = _table("stream", {c.stream: [c] for c in covered}, count=False)
    return card(f"{title}, {market.span()} UTC", streams, *_listing(market), *_membership(market))


@html_card.register
def dataset_card(dataset: Dataset) -> str:
    """The coins, then each stream over all coins, then what there is to say of it."""
    kind = "simulated, its truth is known" if dataset.simulated else "stored"
    coins = plural(len(dataset.markets), "coin")
    print_ = f"fingerprint {dataset.fingerprint[:12]}"
    about = f"{dataset.name}: {coins}, bars of {bar_text(dataset.bar)}, {kind}, {print_}"
    by_coin, by_stream = _grouped(dataset.coverages)
    return card(
        dataset.title,
        line(about),
        _coins(dataset, by_coin),
        _table("stream", by_stream, count=True),
        *_holdout(dataset),
        *_planted(dataset),
        *_notes(dataset),
    )


def _grouped(
    coverages: Sequence[Coverage],
) -> tuple[dict[str, list[Coverage]], dict[str, list[Coverage]]]:
    by_coin: dict[str, list[Coverage]] = {}
    by_stream: dict[str, list[Coverage]] = {}
    for c in coverages:
        by_coin.setdefault(c.symbol, []).append(c)
        by_stream.setdefault(c.stream, []).append(c)
    return by_coin, by_stream


def _table(name: str, groups: Mapping[str, Sequence[Coverage]], *, count: bool) -> str:
    """One row a group; the columns about holes only where there are any."""
    holes = any(c.gaps for covered in groups.values() for c in covered)
    head = (name, *(["coins"] if count else []), *_HEAD, *(_HOLES if holes else []))
    rows = [
        (
            key,
            *([whole(len(covered))] if count else []),
            min(c.first for c in covered)[:16],
            max(c.last for c in covered)[:16],
            whole(sum(c.rows for c in covered)),
            whole(sum(c.missing for c in covered)),
            whole(sum(c.gaps for c in covered)),
            *(_worst(covered) if holes else []),
        )
        for key, covered in groups.items()
    ]
    left = [i for i, text in enumerate(head) if text == name or "UTC" in text]
    return table(
        head,
        rows,
        left=left,
        most=_MOST_STREAMS,
        rest="streams",
        rest_in="coverages of the data set",
    )


def _worst(covered: Sequence[Coverage]) -> tuple[str, str]:
    longest = max(c.longest_gap_hours for c in covered)
    first = min((c.first_gap for c in covered if c.first_gap), default="")[:16]
    return f"{longest:.4g} h" if first else "", first


def _coins(dataset: Dataset, by_coin: dict[str, list[Coverage]]) -> str:
    rows = []
    for symbol, market in dataset.markets.items():
        covered = by_coin.get(symbol, [])
        edges = market.span().split(" to ") if len(market) else ("", "")
        missing, holes = sum(c.missing for c in covered), sum(c.gaps for c in covered)
        streams = f"{len(covered)}"
        rows.append((symbol, *edges, whole(len(market)), streams, whole(missing), whole(holes)))
    head = ("coin", "from, UTC", "to, UTC", "bars", "streams", "records missing", "holes")
    where = "dataset.symbols"
    return table(head, rows, left=(0, 1, 2), most=_MOST_COINS, rest="coins", rest_in=where)


def _listing(market: Market) -> list[str]:
    told = [
        f"{word} {time:%Y-%m-%d %H:%M} UTC"
        for word, time in (("listed", market.listed), ("delisted", market.delisted))
        if time is not None
    ]
    return [line(", ".join(told), faded=True)] if told else []


def _membership(market: Market) -> list[str]:
    if market.member is None:
        return []
    share = f"in the universe on {whole(int(market.member.sum()))} of its bars"
    return [line(share, faded=True)]


def _holdout(dataset: Dataset) -> list[str]:
    if dataset.holdout is None:
        return []
    state = "opened" if dataset.holdout_open else "held out"
    return [line(f"From {dataset.holdout:%Y-%m-%d %H:%M} UTC on it is {state}.")]


def _planted(dataset: Dataset) -> list[str]:
    if dataset.truth is None:
        return []
    count = plural(len(dataset.truth), "planted episode")
    return [line(f"{count}: dataset.truth", faded=True)]


def _notes(dataset: Dataset) -> list[str]:
    # an audit takes its time; only what is known already is told
    seen: dict[tuple[str, str, str], list[str]] = {}
    for grade in GRADES:
        for f in dataset.findings:
            if f.grade == grade:
                seen.setdefault((grade, f.stream, f.sentence), []).append(f.symbol)
    found = [
        f"{grade}: {stream} of {listed(dict.fromkeys(coins))}, {text}"
        for (grade, stream, text), coins in seen.items()
    ]
    told = [*(one.text for one in note_lines(dataset.notes)), *found]
    rest = len(told) - _MOST_NOTES
    more = [f"… and {whole(rest)} more: dataset.notes, dataset.findings"] if rest > 0 else []
    return [line(text, faded=True) for text in [*told[:_MOST_NOTES], *more]]
