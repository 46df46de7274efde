"""Needs: what a signal declares, parsed once."""

from __future__ import annotations

import numpy as np
import pandas as pd

from fadefollow.market import Market
from fadefollow.market.needs import Needs, parse_need
from fadefollow.market.schema import canonical

HOUR = pd.Timedelta(hours=1)


class Having:
    """A market with these streams and columns."""

    def __init__(self, *names: str) -> None:
        self.names = names

    def lacks(self, stream: str, column: str = "") -> str | None:
        if not any(name.partition(".")[0] == stream for name in self.names):
            return stream
        whole = f"{stream}.{column}"
        return whole if column and whole not in self.names else None


def test_a_need_is_a_stream_a_column_or_several_of_these():
    need = parse_need("premium_index|spot.close")
    assert [(one.stream, one.column) for one in need.alternatives] == [
        ("premium_index", ""),
        ("spot", "close"),
    ]
    assert str(need) == "premium_index|spot.close"
    assert need.streams == ("premium_index", "spot")


def test_needs_name_each_stream_once_and_are_met_by_one_of_the_alternatives():
    needs = Needs.of("perp", "perp.volume", "premium_index|spot", "perp")
    assert (len(needs.each), needs.streams) == (3, ("perp", "premium_index", "spot"))
    assert needs.met_by({"perp", "spot"})
    assert not needs.met_by({"perp"})


def test_what_is_missing_is_named_as_it_was_declared():
    needs = Needs.of("perp", "perp.volume", "premium_index|spot.volume")
    assert needs.missing_in(Having()) == ("perp", "premium_index|spot.volume")
    assert needs.missing_in(Having("perp", "spot")) == ("perp.volume", "premium_index|spot.volume")
    assert needs.missing_in(Having("perp", "perp.volume", "spot.volume")) == ()


def test_optional_columns_are_needed_like_streams(raw_bars):
    bars = raw_bars(4)
    half = bars.assign(taker_buy_volume=5.0)
    snapshots = pd.DataFrame({"time": bars["time"], "ratio": 1.5, "top_positions_ratio": 1.2})
    ratios = canonical(snapshots, "long_short", bar=HOUR, where="x")
    made = {
        "perp": canonical(half, "perp", bar=HOUR, where="x"),
        "spot": canonical(bars, "spot", bar=HOUR, where="x"),
        "long_short": ratios,
    }
    market = Market("BTC", bar=HOUR, tables=made)
    needs = ("perp.taker_buy_volume", "spot.taker_buy_volume", "long_short.top_positions_ratio")
    assert market.missing(*needs) == ("spot.taker_buy_volume",)
    assert market.missing("spot.taker_buy_volume|perp.taker_buy_volume") == ()
    assert market.missing("long_short.taker_ratio") == ("long_short.taker_ratio",)
    assert market.column("perp", "taker_buy_volume").tolist() == [5.0] * 4
    # a snapshot holds from the close at which it was there
    np.testing.assert_array_equal(market.column("long_short", "top_positions_ratio"), [1.2] * 4)
