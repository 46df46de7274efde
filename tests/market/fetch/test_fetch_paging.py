"""Whatever the paging of a venue, no record is lost: limits, newest or oldest first, open ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fadefollow.market.fetch.engine import Engine
from fadefollow.market.fetch.markets import Listed
from fadefollow.market.fetch.pages import Staging, read
from fadefollow.market.fetch.planning import Present, windows
from fadefollow.market.fetch.proof import by_pages
from fadefollow.market.fetch.requests import Part
from fadefollow.market.fetch.venues import VENUES, Venue
from fadefollow.market.store.store import Store

H = 3_600_000
START = 1_700_000_000_000 // (24 * H) * 24 * H
END = START + 500 * 24 * H
#: venue → first and last stamp that a request means, as (since, params) → (low, high), and whether
#: the newest come where there are too many
Bounds = Callable[[int, dict[str, int]], tuple[int, int]]
PAGING: dict[str, tuple[Bounds, bool]] = {
    "binance": (lambda since, p: (since, p["until"]), False),
    "bybit": (lambda since, p: (since, p["until"]), True),
    # `before` and `after` are exclusive
    "okx": (lambda since, p: (since, p.get("after", p.get("until", 0)) - 1), True),
    # whole seconds
    "gate": (lambda since, p: (since // 1000 * 1000, p["until"] // 1000 * 1000), True),
    "hyperliquid": (lambda since, p: (since, p["until"]), False),
}


@dataclass
class Venueish:
    """Answers ccxt's calls as a venue would, from known records."""

    venue: Venue
    stamps: np.ndarray
    limit: int
    asked: list[tuple[int, int]] = field(default_factory=list)

    async def call(self, method: str, *args: Any, read: Any) -> Any:
        bounds, newest = PAGING[self.venue.name]
        since, limit, params = args[-3], args[-2], args[-1]
        low, high = bounds(since, params)
        self.asked.append((low, high))
        found = self.stamps[(self.stamps >= low) & (self.stamps <= high)]
        most = min(self.limit, limit)
        found = found[-most:] if newest else found[:most]
        if method == "fetch_ohlcv":
            return read([[t, 2.0, 3.0, 1.0, 2.0, float(t % 97)] for t in found.tolist()])
        return read([{"timestamp": t, "fundingRate": (t // H % 97) / 1e5} for t in found.tolist()])


def settlements(kind: str) -> np.ndarray:
    """Stamps some milliseconds after their hour."""
    hours = np.arange(0, 500 * 24)
    due = hours % 8 == 0
    if kind != "every 8 h":
        due |= (hours > 1000) & (hours <= 4000)
    if kind == "with holes":
        due &= ~np.isin(hours, [2000, 2001, 4001, 4008, 9000])
        due &= (hours < 6000) | (hours > 6100)
    times = START + hours[due] * H
    return times + np.arange(len(times)) % 9


def part_of(venue: Venue, stream: str) -> Part:
    market = Listed("BTC", "BTC/USDT:USDT", 1, 1.0, linear=True, active=True)
    return Part.of(venue, stream, market, pd.Timedelta("1h"))


def fetched(client: Venueish, stream: str, root: Path) -> np.ndarray:
    """The times that a fetch of the whole range stores; it must count all of it as covered."""
    part, engine = part_of(client.venue, stream), Engine(client, Store(root), "data", None)  # type: ignore[arg-type]
    nothing = Present(np.empty(0, np.int64), (), (), empty=True)
    plan = windows(part, nothing, (START, END), span=part.span(client.venue), now=END)
    asyncio.run(engine._part(part, plan))
    pages = Staging(Store(root).staging("data") / part.coin / part.name).pages()
    low = START
    for window in sorted(page.window for page in pages):
        assert window[0] <= low
        low = max(low, window[1])
    assert low == END
    times = np.concatenate([read(page, part.columns)[0] for page in pages])
    return np.unique(times)


@pytest.mark.parametrize("kind", ["every 8 h", "hourly for 125 days", "with holes"])
@pytest.mark.parametrize("share", [1.0, 0.3], ids=["its page", "a smaller page"])
@pytest.mark.parametrize("name", list(PAGING))
def test_no_settlement_is_lost(name: str, share: float, kind: str, tmp_path: Path) -> None:
    venue, stamps = VENUES[name], settlements(kind)
    client = Venueish(venue, stamps, int(venue.page("funding") * share))
    assert np.array_equal(fetched(client, "funding", tmp_path), stamps // H * H)
    if (
        share == 1.0 and kind == "every 8 h" and venue.settles_hours == 8
    ):  # about a request a page, and one at the end
        assert len(client.asked) <= len(stamps) / client.limit + 4


@pytest.mark.parametrize("share", [1.0, 0.3], ids=["its page", "a smaller page"])
@pytest.mark.parametrize("name", list(PAGING))
def test_no_bar_is_lost(name: str, share: float, tmp_path: Path) -> None:
    venue, hours = VENUES[name], np.arange(100, 500 * 24)
    outage = np.isin(hours, [500, 777, 778, 779, 11_999]) | ((hours > 4000) & (hours < 7000))
    stamps = START + hours[~outage] * H
    client = Venueish(venue, stamps, int(venue.page("perp") * share))
    assert np.array_equal(fetched(client, "perp", tmp_path), stamps)


def test_holes_are_asked_for_by_pages() -> None:
    """Together as long as they fit into a page, by time and by the records between them."""
    known = np.arange(0, 100, 2) * H
    gaps = tuple((t, t + 1) for t in range(H, 100 * H, 8 * H))
    assert by_pages(gaps, known, 50 * H, 100) == ((H, 49 * H + 1), (57 * H, 97 * H + 1))
    assert by_pages(gaps[:4], known, 50 * H, 4) == ((H, 9 * H + 1), (17 * H, 25 * H + 1))


@pytest.mark.parametrize("name", list(PAGING))
def test_what_an_earlier_fetch_lost_is_found_again(name: str, tmp_path: Path) -> None:
    """The first days, some hours, and weeks in the middle; all of it counts as asked for."""
    stamps = settlements("hourly for 125 days")
    client = Venueish(VENUES[name], stamps, VENUES[name].page("funding"))
    part, hours = part_of(client.venue, "funding"), (stamps - START) // H
    lost = (hours < 61) | ((hours > 2000) & (hours < 2800)) | np.isin(hours, [2900, 2901, 3900])
    known = stamps[~lost] // H * H
    engine = Engine(client, Store(tmp_path), "data", None)  # type: ignore[arg-type]
    present = Present(known, ((START, END),), (), empty=True)
    plan = windows(part, present, (START, END), span=part.span(client.venue), now=END)
    asyncio.run(engine._part(part, plan))
    pages = Staging(Store(tmp_path).staging("data") / part.coin / part.name).pages()
    gained = np.concatenate([read(page, part.columns)[0] for page in pages])
    assert np.array_equal(np.unique([*known, *gained]), stamps // H * H)


def test_what_was_lost_is_found_again_and_no_more_than_some_pages_are_asked_for() -> None:
    venue = VENUES["binance"]
    part = part_of(venue, "perp")
    hours = np.arange(0, 100_000)
    times = hours[hours % 1500 > 0][:-3000] * H
    present = Present(times, ((0, 100_000 * H),), (), empty=True)
    plan = windows(part, present, (0, 100_000 * H), span=1000 * H, now=5 * 86_400_000)
    assert sum(not w.if_gained for w in plan) == 32
    days = range(3)
    turns = [
        windows(part, present, (0, 100_000 * H), span=1000 * H, now=d * 86_400_000) for d in days
    ]
    assert len({w.known for plan in turns for w in plan if not w.if_gained}) == 66
    assert [w.range for w in plan if w.if_gained] == [
        (97_498 * H, 98_498 * H),
        (98_498 * H, 99_498 * H),
        (99_498 * H, 100_000 * H),
    ]
