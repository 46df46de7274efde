"""A calibration of the tuner as a table, for the terminal and for docs/tuning.md."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Found = Mapping[str, Any]
#: what is asked, what is promised, and what one arm answers
_Line = tuple[str, str, Callable[[Found], str]]


def header(found: Found) -> tuple[str, ...]:
    """The names of the columns.

    Args:
        found: as from `TunerCalibration.to_dict`, here and below.
    """
    return ("", "promised", *(planted(arm["arm"]["effect_bps"]) for arm in found["arms"]))


def rows(found: Found) -> list[tuple[str, ...]]:
    """One row a question: the question, what is promised, and each arm's answer."""
    return [
        (asked, promised, *(answer(arm) for arm in found["arms"]))
        for asked, promised, answer in _lines(100.0 * found["design"]["alpha"])
    ]


def as_markdown(found: Found) -> str:
    """What was made, and the table."""
    names = header(found)
    table = [names, ("---", "---", *("---:" for _ in names[2:])), *rows(found)]
    lines = [how(found), "", *("| " + " | ".join(row) + " |" for row in table)]
    return "\n".join(lines) + "\n"


def how(found: Found) -> str:
    """What was made."""
    d = found["design"]
    counts = ", ".join(
        f"{arm['markets']} with {planted(arm['arm']['effect_bps'])}" for arm in found["arms"]
    )
    return (
        f"Simulated markets of {d['coins']} coins and {d['years']:g} years, bars of {d['bar']}, "
        f"without drift: {counts}; seeds from {d['seed']}. In each, `{found['strategy']}` is "
        f"tuned: {d['folds']} folds and a last search on all data, {d['trials']} trials "
        f"each; the verdict on the joined out-of-sample book has {d['draws']} placebo shifts and "
        f"{2 * d['draws']} bootstrap replicates. In brackets: 95 % intervals."
    )


def planted(effect_bps: float) -> str:
    """The kind of market, by which fading pays; below zero following does."""
    if not effect_bps:
        return "nothing planted"
    return f"{abs(effect_bps):g} bps, {'following' if effect_bps < 0 else 'fading'} pays"


def _lines(alpha: float) -> Sequence[_Line]:
    most = f"nothing planted: at most {alpha:g} %"
    return (
        (
            "**In the past**, the last search: the winner's t is above 2",
            "",
            lambda arm: _share(arm["last"]["t"]),
        ),
        (
            "its Sharpe ratio is above zero with 95 % probability (PSR)",
            "",
            lambda arm: _share(arm["last"]["psr"]),
        ),
        (
            "the same after deflating by all trials (DSR)",
            most,
            lambda arm: _share(arm["last"]["deflated"]),
        ),
        ("all searches: t above 2", "", lambda arm: _share(arm["searches"]["t"])),
        ("all searches: PSR above 95 %", "", lambda arm: _share(arm["searches"]["psr"])),
        ("all searches: DSR above 95 %", "", lambda arm: _share(arm["searches"]["deflated"])),
        ("probability of backtest overfitting (PBO)", "", lambda arm: _percent(arm["pbo"])),
        ("share of CSCV's choices whose winner loses", "", lambda arm: _percent(arm["p_loss"])),
        ("the winners' mean net return, bps a trade", "", lambda arm: _bps(arm["in_sample"])),
        (
            "**Out of sample**: mean net return, bps a trade",
            "nothing planted: not above zero",
            lambda arm: _bps(arm["out_of_sample"]),
        ),
        ("fees and slippage, bps a trade", "", lambda arm: _bps(arm["costs"])),
        (
            "share of the other trials that the winner beats there",
            "",
            lambda arm: _percent(arm["rank"]),
        ),
        ("the file's own parameters, bps a trade", "", lambda arm: _bps(arm["own"])),
        ("tuned less own, same market, bps a trade", "", lambda arm: _bps(arm["gain"])),
        (
            "markets with a mean above zero",
            "planted: at least 80 %",
            lambda arm: _share(arm["earned"]),
        ),
        ("PSR above 95 %", most, lambda arm: _share(arm["psr"])),
        ("the verdict names the tuned stance, any phase", "", lambda arm: _share(arm["named"])),
        ("it names the other stance, any phase", "", lambda arm: _share(arm["wrong"])),
        ("it names either", most, lambda arm: _share(arm["any_named"])),
        ("rows with enough independent blocks to say", "", lambda arm: _share(arm["tested"])),
        ("trades, mean number", "", lambda arm: f"{arm['trades']:.0f}"),
    )


def _share(share: Found) -> str:
    if not share["of"]:
        return "–"
    value, low, high = (100.0 * share[name] for name in ("value", "low", "high"))
    return f"{value:.0f} % [{low:.0f}, {high:.0f}]"


def _percent(mean: Found) -> str:
    return _interval(mean, 100.0, " %")


def _bps(mean: Found) -> str:
    return _interval(mean, 1.0, "")


def _interval(mean: Found, times: float, unit: str) -> str:
    if mean["value"] is None:
        return "–"
    text = f"{times * mean['value']:.0f}{unit}"
    if mean["low"] is None:
        return text
    return f"{text} [{times * mean['low']:.0f}, {times * mean['high']:.0f}]"
