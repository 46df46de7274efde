"""Writes docs/venues.md from the registry of venues and ccxt's own capabilities.

python docs/venues_page.py
"""

from __future__ import annotations

from pathlib import Path

from fadefollow.market.fetch.venues import CALLS
from fadefollow.market.fetch.venues.page import page_text
from fadefollow.market.streams import stream

PAGE = Path(__file__).resolve().with_name("venues.md")
HEAD = """\
# Which exchange gives which stream

Written by `python docs/venues_page.py` from the registry in
`src/fadefollow/market/fetch/venues/` and from ccxt's own capabilities; do not edit.

    fadefollow data fetch binance BTC ETH --since 2021-01-01
    fadefollow run --dataset binance

A fetch goes on where an earlier one ended, asks again for what an answer lacks, and never stores a
bar that has not closed. Prices are of one coin and amounts in coins, also of markets such as
1000PEPE. Settings of ccxt (a proxy, a longer `timeout`) go into a table `[ccxt]` of the data set's
TOML. More: [fetch.md](fetch.md).

Options are snapshots of now: no venue tells them of the past, so they accumulate from the first
fetch on, one snapshot a fetch, and count from the moment they were taken. They are fetched where
they are asked for (`--streams all`, or by name). A snapshot has open interest and implied
volatility by strike and expiry; the greeks are computed from these. Of Binance, Bybit and OKX
liquidations are only pushed as they happen; there is no history to ask for by ccxt.

"""


def page() -> str:
    """The whole page."""
    about = "\n".join(f"- **{name}**: {stream(name).about}" for name in CALLS)
    return f"{HEAD}{about}\n\n{page_text()}".rstrip() + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
    print(f"{PAGE.name}  {PAGE.stat().st_size} bytes")
