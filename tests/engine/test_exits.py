"""The exit rules are one table: whoever lists them takes them from it."""

from __future__ import annotations

from dataclasses import fields

import pytest

from fadefollow.engine.exits import EXIT_REASONS, EXIT_RULES, ExitFractions, ExitSettings, Levels
from fadefollow.engine.kernels.arrays import rule_tables
from fadefollow.engine.model import HOUR_NS, Rules
from fadefollow.engine.strategy import Trade
from fadefollow.reporting.text.sentences import rules
from fadefollow.tuning.space import TUNABLE

NAMES = ("stop", "target", "trail")


def test_each_rule_has_a_setting_a_fraction_a_column_and_a_reason() -> None:
    assert tuple(rule.name for rule in EXIT_RULES) == NAMES
    assert tuple(ExitSettings.model_fields) == NAMES
    assert tuple(field.name for field in fields(ExitFractions)) == NAMES
    assert Levels._fields == NAMES
    assert EXIT_REASONS[2:5] == NAMES


def test_columns_of_the_levels_are_in_the_order_of_the_table() -> None:
    row = rule_tables(Rules(2.0, stop=0.1, target=0.2, trail=0.3, leverage=5.0), HOUR_NS).levels
    assert row.tolist() == [[0.1, 0.2, 0.3, 5.0]]


def test_settings_keep_their_place_between_entry_and_stake() -> None:
    names = tuple(Trade.model_fields)
    assert names.index("delay_bars") + 1 == names.index("stop")
    assert names.index("trail") + 1 == names.index("opposite")


def test_bounds_tuning_and_words_come_from_the_table() -> None:
    assert set(NAMES) <= set(TUNABLE)
    assert (
        rules({"trade": {"stop": 0.05, "trail": 0.1}}) == "stop at 5.0\u202f%, trail at 10.0\u202f%"
    )
    assert Trade(hold_hours=1, target=3).target == 3
    with pytest.raises(ValueError, match="less than 1"):
        Trade(hold_hours=1, trail=1)
    with pytest.raises(ValueError, match="no trail"):
        Trade(hold_hours=1, instrument="carry", trail=0.1)
