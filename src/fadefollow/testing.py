"""The contract that every signal must pass; subclass it to hold your own signal to it.

from fadefollow.testing import SignalContract
from signals.mine import Mine

class TestMine(SignalContract):
    signal = Mine()
"""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from functools import cache
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from fadefollow.errors import ParameterError
from fadefollow.market import Market, stream
from fadefollow.market.lab import simulate
from fadefollow.market.needs import Needs, parse_need
from fadefollow.phases import COLUMNS, Signal
from fadefollow.phases.batch import BatchSignal, CoinBatch, detect_marks
from fadefollow.verdict.lookahead.watched import undeclared_reads

_WEEK = pd.Timedelta(days=7)


@cache
def lab_market(seed: int = 7, years: float = 1.0, bar_hours: float = 1.0) -> Market:
    """One coin of a simulated market with every stream and episode that the lab has."""
    bar = pd.Timedelta(hours=bar_hours)
    lab = simulate({"seed": seed, "years": years, "coins": 1}, bar=bar)
    symbol, tables = next(iter(lab.tables.items()))
    return Market(symbol, bar=bar, tables=tables)


def changed(
    market: Market, change: Callable[[str, pd.DataFrame], pd.DataFrame], **settings: Any
) -> Market:
    """The same market with `change(stream, table)` applied to every table."""
    tables = {name: change(name, market.table(name)) for name in market.streams}
    return Market(market.symbol, **{"bar": market.bar} | settings, tables=tables)


def shifted(market: Market, by: pd.Timedelta) -> Market:
    """The same market, all stamps moved by `by`."""

    def move(_: str, table: pd.DataFrame) -> pd.DataFrame:
        times = table.select_dtypes("datetimetz").columns
        return table.assign(**{column: table[column] + by for column in times})

    return changed(market, move)


def coarser(market: Market, factor: int) -> Market:
    """The same market on bars `factor` times as long; streams without bars stay as they are."""
    bar = market.bar * factor
    sums = dict.fromkeys(("volume", "taker_buy_volume"), "sum")
    how = {"open": "first", "high": "max", "low": "min", "close": "last", **sums}

    def resample(name: str, table: pd.DataFrame) -> pd.DataFrame:
        schema = stream(name)
        if schema.kind != "bars":
            return table
        rules = {str(column): how[str(column)] for column in table if column in how}
        bars = table.assign(time=table["time"].dt.floor(bar))
        out = bars.groupby([*schema.key, "time"]).agg(rules).reset_index()
        out["available"] = out["time"] + bar
        return out.sort_values(["time", *schema.key], ignore_index=True)

    return changed(market, resample, bar=bar)


def late(market: Market) -> Market:
    """The same market, a tenth of the records of other streams than bars published days later."""
    rng = np.random.default_rng(0)

    def delay(name: str, table: pd.DataFrame) -> pd.DataFrame:
        if stream(name).kind == "bars":
            return table
        hours = np.where(rng.random(len(table)) < 0.1, rng.integers(1, 240, len(table)), 0)
        return table.assign(available=table["available"] + pd.to_timedelta(hours, "h"))

    return changed(market, delay)


def constant(market: Market) -> Market:
    """The same market with every number frozen at its first value."""

    def freeze(_name: str, table: pd.DataFrame) -> pd.DataFrame:
        numbers = [c for c in table.select_dtypes("number").columns if c != "strike"]
        frozen = table.assign(**{column: table[column].iloc[0] for column in numbers})
        if {"open", "high", "low", "close"} <= set(numbers):
            frozen = frozen.assign(**dict.fromkeys(("open", "high", "low"), frozen["close"]))
        return frozen

    return changed(market, freeze)


class SignalContract:
    """What holds for every signal: causal, pure, honest about what it lacks."""

    signal: ClassVar[Signal]
    #: share of events that must be found again on bars of twice the size, and the slack in bars
    same_on_coarser_bars: ClassVar[float] = 0.6
    slack_bars: ClassVar[int] = 2
    enough_events: ClassVar[int] = 5

    def market(self) -> Market:
        """The market that the contract is tried on; it should show every phase."""
        return lab_market()

    def test_every_phase_is_found_on_the_contract_market(self) -> None:
        found = set(self.signal.detect(self.market()).table["phase"])
        assert found == set(self.signal.phases)

    def test_words_about_phases_are_of_its_phases_and_few(self) -> None:
        assert set(self.signal.about) <= set(self.signal.phases)
        assert all(len(words) <= 48 for words in self.signal.about.values())

    def test_cutting_the_future_off_does_not_change_the_past(self) -> None:
        market = self.market()
        whole = self.signal.detect(market).table
        rng = np.random.default_rng(0)
        at_random = rng.choice(len(market), 20, replace=False)
        at_events = market.index.get_indexer(pd.DatetimeIndex(whole["time"]))
        for bar in sorted({*at_random.tolist(), *at_events.tolist()}):
            cut = market.until(market.index[bar] + market.bar)
            known = whole[whole["time"] <= market.index[bar]]
            _same(self.signal.detect(cut).table, known)

    def test_what_is_published_late_is_not_known_before(self) -> None:
        market = late(self.market())
        whole = self.signal.detect(market).table
        rng = np.random.default_rng(0)
        bars = market.index.get_indexer(pd.DatetimeIndex(whole["time"]))
        chosen = {*rng.choice(len(market), 6, replace=False).tolist(), *bars[:: len(bars) // 6 + 1]}
        for bar in sorted(chosen):
            cut = market.until(market.index[bar] + market.bar)
            _same(self.signal.detect(cut).table, whole[whole["time"] <= market.index[bar]])

    def test_shifting_the_market_shifts_the_events(self) -> None:
        market = self.market()
        here = self.signal.detect(market).table
        there = self.signal.detect(shifted(market, 5 * _WEEK)).table
        times = here.select_dtypes("datetimetz").columns
        _same(there, here.assign(**{c: here[c] + 5 * _WEEK for c in times}))

    def test_missing_streams_are_named_and_the_rest_goes_on(self) -> None:
        market = self.market()
        whole = self.signal.detect(market)
        for name in sorted({s for needs in self.signal.phases.values() for s in needs}):
            rest = _without(market, name)
            if not {"perp", "spot"} & set(rest):
                continue
            found = self.signal.detect(Market(market.symbol, bar=market.bar, tables=rest))
            for phase, needs in self.signal.phases.items():
                if name in needs:
                    assert found.missing[market.symbol, phase] == (name,)
                    assert phase not in set(found.table["phase"])
                elif (market.symbol, phase) not in whole.missing and not _lost(name, needs):
                    assert (market.symbol, phase) not in found.missing

    def test_it_reads_only_the_streams_that_it_declares(self) -> None:
        assert undeclared_reads(self.signal, self.market()) == ()

    def test_features_are_nan_in_the_warm_up_only(self) -> None:
        market = self.market()
        for name, values in self.signal.features(market).items():
            assert values.shape == (len(market),), name
            known = np.flatnonzero(~np.isnan(values))
            assert len(known), f"{name} is never known"
            assert not np.isnan(values[known[0] :]).any(), f"{name} is lost after its warm-up"

    def test_bar_size_does_not_change_the_meaning(self) -> None:
        market = self.market()
        fine = self.signal.detect(market).table
        coarse = self.signal.detect(coarser(market, 2)).table
        slack = self.slack_bars * 2 * market.bar
        for one, other in ((fine, coarse), (coarse, fine)):
            near = np.array(
                [
                    bool(((other.loc[other["phase"] == p, "time"] - t).abs() <= slack).any())
                    for p, t in zip(one["phase"], one["time"], strict=True)
                ]
            )
            assert near.mean() >= self.same_on_coarser_bars
            for phase, rows in one.groupby("phase").indices.items():
                # a share of a handful of events says nothing
                if len(rows) >= self.enough_events:
                    assert near[rows].mean() >= self.same_on_coarser_bars, phase

    def test_several_coins_at_once_show_what_each_shows_alone(self) -> None:
        if not isinstance(self.signal, BatchSignal):
            return  # it looks at one coin at a time
        market = self.market()
        half = market.index[0] + len(market) // 2 * market.bar
        coins = [market, shifted(market, 5 * _WEEK), market.until(half), market]
        found = detect_marks(self.signal, CoinBatch(coins))
        for place, one in enumerate(coins):
            bar, lean, code = (numbers[found.coin == place] for numbers in found[1:4])
            order = np.lexsort((code, bar))
            alone = self.signal.detect(one).marks(*self.signal.phases)
            for numbers, same in zip((bar, lean, code), alone, strict=True):
                np.testing.assert_array_equal(numbers[order], same)

    def test_short_and_constant_markets_have_no_phases(self) -> None:
        market = self.market()
        start = market.index[0]
        for bars in (0, 1, 5):
            short = market.until(start + bars * market.bar)
            assert len(short) == bars
            assert len(self.signal.detect(short)) == 0
        assert len(self.signal.detect(constant(market))) == 0

    def test_detect_is_pure(self) -> None:
        market = self.market()
        before = {name: market.table(name) for name in market.streams}
        first = self.signal.detect(market).table
        _same(self.signal.detect(market).table, first)
        for name, table in before.items():
            pd.testing.assert_frame_equal(market.table(name), table)

    def test_events_keep_to_the_table(self) -> None:
        market = self.market()
        table = self.signal.detect(market).table
        assert tuple(table.columns[: len(COLUMNS)]) == COLUMNS
        assert set(table["phase"]) <= set(self.signal.phases)
        assert set(table["lean"]) <= {-1, 1}
        assert set(table["signal"]) == {self.signal.name()}
        assert table["time"].isin(market.index).all()
        assert table["time"].is_monotonic_increasing
        assert not table.duplicated(["time", "symbol", "phase"]).any()
        assert np.isfinite(table["strength"]).all()
        assert (table["strength"] >= 0).all()

    def test_parameters_have_bounds_and_are_refused_beyond_them(self) -> None:
        params = self.signal.params()
        assert set(params) == set(type(self.signal).model_fields)
        for name, param in params.items():
            for value in (param.low - 1, param.high + 1, math.nan):
                assert name in _refusal(type(self.signal), name, value)

    def test_survives_pickling(self) -> None:
        assert pickle.loads(pickle.dumps(self.signal)) == self.signal


def _without(market: Market, need: str) -> dict[str, pd.DataFrame]:
    """The market's tables but those, or the column, that a need names."""
    tables = {name: market.table(name) for name in market.streams}
    for one in parse_need(need).alternatives:
        if one.column and one.stream in tables:
            tables[one.stream] = tables[one.stream].drop(columns=one.column, errors="ignore")
        else:
            tables.pop(one.stream, None)
    return tables


def _lost(name: str, needs: tuple[str, ...]) -> bool:
    """Whether one of `needs` goes with what is named: a column with its stream, one of several."""
    lost = {one.stream for one in parse_need(name).alternatives if not one.column}
    return any(set(need.streams) <= lost for need in Needs.of(*needs))


def _same(left: pd.DataFrame, right: pd.DataFrame) -> None:
    # an empty table knows no context columns
    if len(left) or len(right):
        pd.testing.assert_frame_equal(
            left.reset_index(drop=True), right.reset_index(drop=True), check_dtype=False
        )


def _refusal(kind: type[Signal], name: str, value: float) -> str:
    try:
        kind(**{name: value})
    except (ParameterError, ValueError) as error:
        return str(error)
    return f"{value} was not refused"
