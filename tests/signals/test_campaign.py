"""A whole campaign made by hand, and everything that must not be taken for one."""

import numpy as np
import pandas as pd
import pytest

from fadefollow.market import Market
from signals.campaign import Campaign

HOUR = pd.Timedelta(hours=1)
START = pd.Timestamp("2024-01-01", tz="UTC")
COUNT = 1200
STORY = [
    ("accumulation", 861),  # 61 h of +0.2 % an hour are the first beyond 0.12
    ("ignition", 951),  # price rose in bar 950, the settlement at 952:00 is known at 951's close
    ("squeeze", 990),
    ("handover", 1004),  # a day without a new high
    ("distribution", 1039),
    ("dump", 1060),
]


def level(first, *changes):
    """Constant from each hour on: `level(100, (950, 116))`."""
    out = np.full(COUNT, float(first))
    for hour, value in changes:
        out[hour:] = value
    return out


def price(*changes):
    return level(100, (950, 116), (980, 125), (1060, 114), *changes)


def premium(*changes):
    return level(0, (950, 100), (1060, 20), *changes)


def oi(*changes):
    collected = 1000 * 1.002 ** np.clip(np.arange(COUNT) - 800, 0, 100)
    for hour, factor in changes or ((980, 0.92), (990, 1.02)):
        collected[hour:] *= factor
    return collected


def funding(*changes):
    return level(1, (952, -10), (1000, 1), (1040, -8), *changes)


def bars(close, volume):
    time = START + HOUR * np.arange(COUNT)
    prices = dict.fromkeys(("open", "high", "low", "close"), close)
    table = pd.DataFrame({"time": time, **prices, "volume": volume, "available": time + HOUR})
    return table[table["close"].notna()].reset_index(drop=True)


def market(*, without=(), listed=0, spot_unit=1.0, **given):
    """The story's arrays by hour, or those given; funding in bps per 8 h is settled every 8 h.

    All but spot begins with the hour at which the perp is listed.
    """
    made = {"price": price(), "premium": premium(), "oi": oi(), "funding": funding()} | given
    close = START + HOUR * np.arange(1, COUNT + 1)
    settled = np.arange(8, COUNT, 8)
    settlements = START + HOUR * settled
    tables = {
        "perp": bars(made["price"], 900.0),
        "spot": bars(spot_unit * made["price"] * (1 + made["premium"] / 1e4), 300.0),
        "open_interest": pd.DataFrame(
            {"time": close, "open_interest": made["oi"], "available": close}
        ),
        "funding": pd.DataFrame(
            {
                "time": settlements,
                "rate": made["funding"][settled] / 1e4,
                "interval_hours": 8.0,
                "available": settlements,
            }
        ),
    }
    tables = {name: table for name, table in tables.items() if name not in without}
    for name in set(tables) - {"spot"}:
        later = tables[name]["time"] >= START + listed * HOUR
        tables[name] = tables[name][later].reset_index(drop=True)
    return Market("COIN", bar=HOUR, tables=tables)


def story(on, **params):
    table = Campaign(**params).detect(on).table
    return list(zip(table["phase"], (table["time"] - START) // HOUR, strict=True))


def test_a_whole_campaign_is_told_in_order():
    assert story(market()) == STORY


def test_each_event_says_who_and_how_high():
    table = Campaign().detect(market()).table.set_index("phase")
    assert table["lean"].to_dict() == {
        "accumulation": 1,
        "ignition": -1,
        "squeeze": -1,
        "handover": 1,
        "distribution": -1,
        "dump": -1,
    }
    assert table["actor"].tolist() == ["market maker", *["crowd"] * 3, *["market maker"] * 2]
    assert table["base_price"].tolist() == pytest.approx([100] * 6)
    assert table["height_above_base"].tolist() == pytest.approx([0, 0.16, 0.25, 0.25, 0.25, 0.14])
    assert table["perp_to_spot_volume"].tolist() == pytest.approx([3.0] * 6)
    assert table["accumulated"].tolist() == [True] * 6
    assert np.isnan(table["first_trough_bps_per_8h"].iloc[0])
    assert table["first_trough_bps_per_8h"].iloc[1:].tolist() == pytest.approx([-10] * 5)


def test_the_variation_without_accumulation():
    # open interest never rises, as the spot itself is the market maker's long
    flat = level(1000, (980, 920), (990, 940))
    assert story(market(oi=flat)) == STORY[1:]
    assert not Campaign().detect(market(oi=flat)).table["accumulated"].any()


# --- accumulation


def test_open_interest_that_rises_with_price_is_no_accumulation():
    rising = price()
    rising[:950] *= 1.001 ** np.clip(np.arange(950) - 800, 0, 150)
    assert "accumulation" not in dict(story(market(price=rising)))


def test_open_interest_that_rises_with_paying_longs_is_no_accumulation():
    paying = funding()
    paying[:950] = 5
    assert "accumulation" not in dict(story(market(funding=paying)))


def test_open_interest_that_rises_at_its_usual_pace_is_no_accumulation():
    # ±15 % every three days: no floor, but the usual size decides
    usual = 1000 * np.where(np.arange(COUNT) // 72 % 2 == 1, 1.15, 1.0)
    assert story(market(oi=usual, price=level(100), premium=level(0), funding=level(1))) == []


# --- ignition


def test_a_pull_up_without_short_funding_is_no_ignition():
    assert story(market(funding=level(1))) == STORY[:1]


def test_a_pull_up_with_funding_that_was_lower_before_is_no_ignition():
    assert story(market(funding=funding((800, -12), (808, 1), (952, -10)))) == STORY[:1]


def test_a_pull_up_below_fifteen_percent_is_no_ignition():
    assert story(market(price=level(100, (950, 114.9)))) == STORY[:1]


def test_a_pull_up_that_the_perp_leads_is_no_ignition_where_spot_is_known():
    assert story(market(premium=level(0))) == STORY[:1]


def test_a_pull_up_out_of_no_base_is_no_ignition():
    # the same day's rise, after a week of swings of 10 % where 3 days usually have none
    swings = price()
    swings[780:950] = np.where(np.arange(170) // 12 % 2 == 1, 100, 90.0)
    swings[938:950] = 100
    flat = level(1000, (980, 920), (990, 940))
    assert story(market(price=swings, oi=flat)) == []
    assert story(market(price=swings, oi=flat), base_width=4)[0] == ("ignition", 951)


def test_spot_need_not_lead_where_it_is_not_known():
    assert story(market(without=("spot",))) == STORY


def test_accumulation_is_forgotten_after_its_time_limit():
    # 861 + 3 days is before the pull-up, which then counts as the variation without
    table = Campaign(accumulation_days=3).detect(market()).table
    assert table["phase"].tolist() == [phase for phase, _ in STORY]
    assert table["accumulated"].tolist() == [True, *[False] * 5]


# --- squeeze and handover


def test_no_squeeze_without_a_new_high():
    assert "squeeze" not in dict(story(market(price=level(100, (950, 116)))))


def test_no_squeeze_while_open_interest_does_not_fall():
    assert "squeeze" not in dict(story(market(oi=oi((980, 0.96), (990, 1.02)))))


def test_no_squeeze_before_open_interest_rebuilds():
    assert "squeeze" not in dict(story(market(oi=oi((980, 0.92)))))


def test_a_squeeze_after_its_time_limit_does_not_count():
    assert story(market(), ignition_days=1.5) == STORY[:2]  # 951 + 36 h is before 990
    assert story(market(), ignition_days=2) == STORY


def test_price_back_at_the_base_ends_the_campaign():
    fallen = price()
    fallen[985] = 100
    assert story(market(price=fallen)) == STORY[:2]


def test_the_crowd_may_turn_long_without_a_squeeze():
    assert story(market(oi=oi((980, 1.0)))) == [*STORY[:2], *STORY[3:]]


def test_no_handover_while_price_makes_new_highs():
    rising = price()
    rising[980:1060] = np.linspace(125, 135, 80)
    assert "handover" not in dict(story(market(price=rising)))


def test_no_handover_far_below_the_high():
    assert "handover" not in dict(story(market(price=price((1000, 105)))))


# --- the two troughs


def test_a_trough_that_goes_on_is_not_a_second_one():
    # after the squeeze funding falls further, but it never recovered
    assert story(market(funding=level(1, (952, -10), (1000, -20)))) == STORY[:3]


def test_waves_of_the_same_trough_are_not_a_second_one():
    waves = level(1, (952, -10), (960, -5), (968, -12), (1000, -4), (1016, -11))
    assert story(market(funding=waves)) == STORY[:3]


def test_a_second_trough_without_handover_follows_the_squeeze():
    # funding comes back to −2, three quarters of the way and more, but not to neutral
    back = level(1, (952, -10), (1000, -2), (1040, -8))
    assert story(market(funding=back)) == [*STORY[:3], *STORY[4:]]


def test_a_shallow_second_trough_is_none():
    assert story(market(funding=funding((1040, -4.9)))) == STORY[:4]


def test_a_second_trough_near_the_base_is_none():
    fallen = level(100, (950, 116), (980, 125), (1010, 107.5))
    assert story(market(price=fallen)) == STORY[:4]


def test_a_second_trough_after_its_time_limit_does_not_count():
    assert story(market(), handover_days=1) == STORY[:4]  # 1004 + 24 h is before 1039


def test_a_second_trough_before_squeeze_and_handover_is_no_distribution():
    twice = level(1, (952, -10), (960, 1), (968, -9))
    assert story(market(funding=twice, oi=oi((980, 1.0)))) == STORY[:2]


# --- dump


def test_a_breakdown_that_the_perp_leads_is_no_dump_where_spot_is_known():
    assert story(market(premium=level(0, (950, 100)))) == STORY[:5]
    assert story(market(premium=level(0, (950, 100)), without=("spot",))) == STORY


def test_a_breakdown_out_of_no_distribution_is_no_dump():
    assert story(market(funding=funding((1040, 1)))) == STORY[:4]


def test_a_breakdown_after_its_time_limit_does_not_count():
    late = market(price=price((1060, 125), (1064, 114)), premium=premium((1060, 100), (1064, 20)))
    assert story(late) == [*STORY[:5], ("dump", 1064)]
    assert story(late, distribution_days=1) == STORY[:5]  # 1039 + 24 h is before 1064


# --- a perp that is listed as its pump begins


def test_a_perp_listed_as_its_pump_begins_is_measured_on_its_spot():
    # six hours before the pull-up; nothing of the perp's own says what is usual
    young = market(listed=945)
    assert story(young) == STORY[1:]
    assert Campaign().detect(young).table["warm_up_on_spot"].tolist() == [True] * 5
    assert not Campaign().detect(market()).table["warm_up_on_spot"].any()


@pytest.mark.parametrize("other", [{"without": ("spot",)}, {"spot_unit": 1000.0}])
def test_without_a_past_of_its_spot_nothing_is_usual_for_a_listed_perp(other):
    assert story(market(listed=945, **other)) == []


def test_a_perp_cut_at_its_start_takes_no_past_from_spot():
    cut = market().between(START + 945 * HOUR, START + COUNT * HOUR)
    assert len(Campaign().detect(cut)) == 0


def test_a_pull_up_that_the_perp_leads_is_no_ignition_on_the_day_of_listing():
    assert story(market(listed=945, premium=level(0))) == []


def test_what_is_measured_on_spot_depends_on_no_later_bar():
    signal, young = Campaign(), market(listed=945)
    whole = signal.features(young)
    for hours in (945, 946, 952, 1000):
        cut = young.until(START + hours * HOUR)
        for name, values in signal.features(cut).items():
            np.testing.assert_array_equal(values, whole[name][: len(cut)], err_msg=name)


# --- a squeeze that nobody sees


def unseen(**given):
    """Without open interest; funding comes back to −2 bps, which is not neutral."""
    back = level(1, (952, -10), (1000, -2), (1040, -8))
    high = level(100, (950, 116), (980, 130), (1060, 114))
    return market(**{"price": high, "funding": back, "without": ("open_interest",)} | given)


def test_an_unseen_squeeze_stands_for_a_seen_one_without_open_interest():
    rest = [STORY[1], *STORY[4:]]
    assert story(unseen()) == rest
    assert story(unseen(listed=945)) == rest
    table = Campaign().detect(unseen()).table
    assert table["squeeze_unseen"].tolist() == [False, True, True]


def test_no_squeeze_is_assumed_where_open_interest_is_known():
    assert story(unseen(without=(), oi=level(1000))) == [STORY[1]]


def test_no_squeeze_is_assumed_near_the_ignition():
    low = level(100, (950, 116), (980, 127), (1060, 114))  # +9.5 %
    assert story(unseen(price=low)) == [STORY[1]]
    assert story(unseen(price=low), unseen_rise=0.09) == [STORY[1], *STORY[4:]]


def test_no_squeeze_is_assumed_before_funding_recovers():
    waves = level(1, (952, -10), (960, -5), (968, -12), (1000, -4), (1016, -11))
    assert story(unseen(funding=waves)) == [STORY[1]]


# --- what is missing


def test_without_open_interest_the_handover_follows_the_ignition():
    phases = Campaign().detect(market(without=("open_interest",)))
    assert phases.table["phase"].tolist() == ["ignition", "handover", "distribution", "dump"]
    assert phases.missing == {
        ("COIN", "accumulation"): ("open_interest",),
        ("COIN", "squeeze"): ("open_interest",),
    }


def test_without_funding_every_phase_is_named_and_nothing_is_guessed():
    phases = Campaign().detect(market(without=("funding",)))
    assert len(phases) == 0
    assert phases.missing == {("COIN", phase): ("funding",) for phase in Campaign.phases}


def test_funding_is_implied_from_the_premium_only_where_asked_for():
    # from 950 on spot is 100 bps above the perp, which is 1 / 1.01 − 1 = −99.01 bps below spot:
    # F = −99.01 + clamp(1 + 99.01, ±5) bps per 8 h
    signal = Campaign(implied_funding=1)
    phases = signal.detect(market(without=("funding",)))
    assert phases.missing == {}
    rate = signal.features(market(without=("funding",)))["funding_bps_per_8h"]
    assert rate[940] == pytest.approx(1.0)  # 0 + clamp(1 − 0)
    assert rate[957] == pytest.approx(-99.0099 / 4 + 5, abs=1e-3)  # two hours of the eight
    assert rate[959] == pytest.approx(-94.0099, abs=1e-3)  # the settlement at 960:00
    assert phases.table["funding_implied"].all()
    assert phases.table["phase"].tolist()[:3] == ["accumulation", "ignition", "squeeze"]


def test_a_missing_bar_is_waited_out():
    gap = price()
    gap[951:954] = np.nan
    assert story(market(price=gap))[1] == ("ignition", 954)
