"""Strategy files: what they may say, and the message where they say something else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fadefollow.core.toml import build
from fadefollow.engine.costs import all_resolved, cost_settings, costs_of, pinned
from fadefollow.engine.model import Brackets, Costs
from fadefollow.engine.strategy import WORDS, Range, Strategy, load_strategy
from fadefollow.errors import FadeFollowError, ParameterError, SpecError, UnknownNameError

GOOD = """
title = "T"
claim = "fade"
account = "somebody"
signal = "funding"
phases = ["crowded_long"]
[trade]
hold_hours = 72
"""


def write(folder: Path, text: str, name: str = "mine.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_a_strategy_is_named_like_its_file_and_has_defaults(tmp_path: Path) -> None:
    strategy = load_strategy(write(tmp_path, GOOD))
    assert strategy.name == "mine"
    rules = strategy.trade.rules()
    assert (rules.hold_hours, rules.leverage, rules.delay_bars, rules.stop) == (72, 1, 0, None)


@pytest.mark.parametrize(
    ("old", "new", "error", "says"),
    [
        ("hold_hours = 72", "hold_hours = ", SpecError, r"valid TOML.*line 8"),
        ("hold_hours = 72", "hold_hours = -1", SpecError, r"greater than 0.*-1.*|hold_hours"),
        ("hold_hours = 72", "hold_hour = 72", UnknownNameError, "did you mean 'hold_hours'"),
        ("hold_hours = 72", "hold_hours = 'x'", SpecError, r"trade\.hold_hours"),
        ("hold_hours = 72", "stop = 0.1", SpecError, r"trade\.hold_hours"),
        ('claim = "fade"', 'claim = "maybe"', SpecError, "claim"),
        ('title = "T"', 'titel = "T"', FadeFollowError, "titel|title"),
        ("hold_hours = 72", "hold_hours = 72\nweight = 3", ParameterError, "exceed leverage"),
        ('phases = ["crowded_long"]', "phases = []", SpecError, "phases"),
    ],
)
def test_bad_strategy_files_are_refused_naming_the_file(
    tmp_path: Path, old: str, new: str, error: type[Exception], says: str
) -> None:
    path = write(tmp_path, GOOD.replace(old, new))
    with pytest.raises(error, match=says) as caught:
        load_strategy(path)
    assert str(path) in str(caught.value)


#: another value of every field: of those that change no trade, and of those that may
OTHER_WORDS = {
    "name": "other",
    "title": "Other",
    "claim": "follow",
    "account": "nobody",
    "smallest_bps": 35.0,
    "search": {"trade.hold_hours": {"low": 24, "high": 72}},
    "tuned": {
        "original": "a",
        "dataset": "b",
        "fingerprint": "c",
        "until": "2024-01-01",
        "stance": "fade",
        "objective": "psr",
        "trials": 9,
    },
}
OTHER_TRADES = {
    "signal": "other",
    "phases": ["crowded_short"],
    "symbols": ["BTC"],
    "params": {"days": 3},
    "trade": {"hold_hours": 24},
    "costs": {"taker_fee_bps": 9.0},
    "implied_funding": True,
}


def test_every_field_changes_trades_or_is_a_word() -> None:
    assert set(OTHER_WORDS) == WORDS
    assert set(OTHER_WORDS) | set(OTHER_TRADES) == set(Strategy.model_fields)


@pytest.mark.parametrize("field", [*OTHER_WORDS, *OTHER_TRADES])
def test_words_leave_what_is_traded_as_it_is(tmp_path: Path, field: str) -> None:
    strategy = load_strategy(write(tmp_path, GOOD))
    values = strategy.model_dump() | {field: {**OTHER_WORDS, **OTHER_TRADES}[field]}
    other = build(Strategy, values, where="test")
    assert other != strategy
    assert (other.traded() == strategy.traded()) == (field in OTHER_WORDS)


def test_a_hostile_file_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="name"):
        load_strategy(write(tmp_path, GOOD, "<img src=x>.toml"))


def test_text_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(SpecError, match="UTF-8"):
        load_strategy(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="cannot read the file"):
        load_strategy(tmp_path / "none.toml")


def test_default_costs_are_lower_for_the_majors() -> None:
    assert costs_of("BTC") == Costs(fee=0.0005, slippage=0.0002, maintenance=0.005)
    assert costs_of("SOL") == Costs(fee=0.0005, slippage=0.0005, maintenance=0.02)


def test_later_layers_override_earlier_ones_and_coins_override_all() -> None:
    venue = cost_settings({"taker_fee_bps": 4, "coins": {"SOL": {"slippage_bps": 9}}}, where="v")
    strategy = cost_settings({"taker_fee_bps": 1}, where="s")
    assert costs_of("SOL", venue, strategy) == Costs(fee=0.0001, slippage=0.0009, maintenance=0.02)
    assert costs_of("BTC", venue) == Costs(fee=0.0004, slippage=0.0002, maintenance=0.005)


def test_brackets_and_a_rate_replace_each_other_by_layer() -> None:
    venue = cost_settings({"brackets": "binance@2024-12-31"}, where="v")
    strategy = cost_settings(
        {"maintenance_rate": 0.03, "coins": {"BTC": {"brackets": "okx@2025-12-31"}}}, where="s"
    )
    found = costs_of("ETH", venue).brackets
    assert found is not None
    assert found.rows[:3] == ((0, 0.004, 0), (50_000, 0.005, 50), (600_000, 0.0065, 950))
    assert costs_of("ETH", venue, strategy) == Costs(0.0005, 0.0002, maintenance=0.03)
    by_okx = Brackets(((0.0, 0.004, 0.0),), in_coins=True)
    assert costs_of("BTC", venue, strategy).brackets == by_okx


def test_costs_as_used_name_their_brackets_and_can_be_used_again() -> None:
    venue = cost_settings({"brackets": "okx@2025-12-31"}, where="v")
    used = all_resolved(["BTC"], venue).model_dump(mode="json", exclude_none=True)
    assert used["coins"]["BTC"]["brackets"] == {
        "name": "OKX",
        "date": "2025-12-31",
        "source": "the venue's answers to position-tiers as recorded in public test data, "
        "undated there",
        "in_coins": True,
        "rows": [[0.0, 0.004, 0.0]],
    }
    assert costs_of("BTC", cost_settings(used, where="config.toml")) == costs_of("BTC", venue)


def test_brackets_are_kept_by_their_date() -> None:
    costs = cost_settings({"brackets": "binance", "coins": {"BTC": {"brackets": "okx"}}}, where="s")
    kept = pinned(costs)
    assert kept.brackets == "binance@2024-09-27"
    assert kept.coins["BTC"].brackets == "okx@2026-05-28"
    assert pinned(kept) == kept
    own = cost_settings({"brackets": "recorded", "taker_fee_bps": 1}, where="s")
    assert pinned(own) == own


@pytest.mark.parametrize(
    ("costs", "match"),
    [
        ({"brackets": "binnance"}, "did you mean 'binance'"),
        ({"brackets": "binance@2020-01-01"}, "oldest maintenance brackets of binance are of 2024"),
        ({"brackets": "bybit"}, "are of BTC; got SOL"),
        ({"brackets": "recorded"}, "no maintenance brackets of the coin were recorded; got SOL"),
        ({"brackets": "binance", "maintenance_rate": 0.01}, "either brackets or a"),
    ],
)
def test_brackets_that_there_are_not_are_refused(costs: dict[str, Any], match: str) -> None:
    with pytest.raises(FadeFollowError, match=match):
        costs_of("SOL", cost_settings(costs, where="datasets/x.toml, [costs]"))


def test_negative_costs_are_refused() -> None:
    with pytest.raises(SpecError, match=r"taker_fee_bps"):
        cost_settings({"taker_fee_bps": -1}, where="datasets/x.toml, [costs]")


@pytest.mark.parametrize(
    ("choices", "twice"), [((24, 24, 48), "24"), (("off", 0.1, 0.10), "0.1"), ((["a"], ["a"]), "a")]
)
def test_a_choice_is_listed_once(choices, twice):
    with pytest.raises(ParameterError, match=rf"listed once; got .*{twice}.* twice"):
        build(Range, {"choices": choices}, where="[search]")
