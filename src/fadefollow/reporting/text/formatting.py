"""Numbers and names as a reader sees them: units, sensible rounding, a true minus sign.

Every formatter takes a float that may be NaN and gives `DASH` for it. `Cell` carries the reason
along, so that a report never shows a bare NaN.
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

DASH = "—"
MINUS = "−"
THIN = "\u202f"  # narrow no-break space
TOO_SMALL = "the sample is too small to say"

#: how sentences call the known phases; others are shown with spaces for underscores
_PLURALS = {
    "crowded_long": "crowded longs",
    "crowded_short": "crowded shorts",
    "short_door": "short doors",
    "long_door": "long doors",
    "spot_led_up": "spot-led rises",
    "spot_led_down": "spot-led falls",
    "carry_attack": "carry attacks",
    "inflow_streak": "inflow streaks",
    "outflow_streak": "outflow streaks",
    "ignition": "ignitions",
    "squeeze": "squeezes",
    "handover": "handovers",
    "dump": "dumps",
    "fuel_above": "liquidation fuel above the price",
    "fuel_below": "liquidation fuel below the price",
    "short_flush": "short flushes",
    "long_flush": "long flushes",
    "short_gamma_up": "short gamma after rises",
    "short_gamma_down": "short gamma after falls",
    "selloff_watch": "sell-off watches",
}


@dataclass(frozen=True)
class Cell:
    """One number as text; `why` says why there is none."""

    text: str
    why: str = ""


@dataclass(frozen=True)
class Table:
    """A table ready to be shown; the first column heads its rows."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def cell(show: Callable[[float], str], value: float, *, why: str = TOO_SMALL) -> Cell:
    """`value` as `show` writes it, or a dash and the reason."""
    return Cell(show(value)) if math.isfinite(value) else Cell(DASH, why)


def fixed(value: float, decimals: int = 0, *, sign: bool = False, unit: str = "") -> str:
    """A number with thin spaces between thousands and a true minus; DASH for NaN."""
    if not math.isfinite(value):
        return DASH
    digits = f"{abs(value):,.{decimals}f}".replace(",", THIN)
    zero = not digits.strip("0." + THIN)
    lead = "" if zero else MINUS if value < 0 else "+" if sign else ""
    return f"{lead}{digits}{unit}"


def plain_bps(value: float, *, sign: bool = True) -> str:
    """Basis points without the unit: one decimal below ten, none above."""
    return fixed(value, 1 if abs(value) < 9.95 else 0, sign=sign)


def bps(value: float) -> str:
    """Signed basis points with their unit."""
    return plain_bps(value) if not math.isfinite(value) else f"{plain_bps(value)}{THIN}bps"


def cost(value: float) -> str:
    """Basis points of a cost, signed only when negative."""
    shown = plain_bps(value, sign=False)
    return shown if shown == DASH else f"{shown}{THIN}bps"


def interval(pair: tuple[float, float]) -> str:
    """`[low, high]` in basis points, without the unit; only minus signs are shown."""
    return f"[{plain_bps(pair[0], sign=False)}, {plain_bps(pair[1], sign=False)}]"


def percent(value: float, decimals: int = 1, *, sign: bool = False) -> str:
    """A fraction as per cent."""
    return fixed(value * 100, decimals, sign=sign, unit=f"{THIN}%" if math.isfinite(value) else "")


def drawdown(value: float) -> str:
    """A fall as per cent of the capital; one beyond all of it says what that means."""
    shown = percent(value)
    return f"{shown} (account gone, fixed capital)" if value <= -1.0 else shown


def ratio(value: float) -> str:
    """A Sharpe ratio and the like."""
    return fixed(value, 2)


def money(value: float) -> str:
    """A signed amount of the quote currency."""
    return fixed(value, 0 if abs(value) >= 99.5 else 2, sign=True)


def size(value: float) -> str:
    """An amount of the quote currency to two digits: `1.2 M`."""
    if not math.isfinite(value):
        return DASH
    for scale, letter in ((1e9, "bn"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= scale:
            return fixed(value / scale, 1 if abs(value) < 10 * scale else 0, unit=f"{THIN}{letter}")
    return fixed(value)


def price(value: float) -> str:
    """A price with about five significant digits."""
    if not math.isfinite(value) or value == 0:
        return fixed(value)
    return fixed(value, min(8, max(0, 4 - math.floor(math.log10(abs(value))))))


def chance(value: float) -> str:
    """A p-value."""
    if not math.isfinite(value):
        return DASH
    return "<0.001" if value < 0.001 else f"{value:.3f}" if value < 0.1 else f"{value:.2f}"


def hours(value: float) -> str:
    """A duration, in hours up to four days, then in days."""
    if not math.isfinite(value):
        return DASH
    if abs(value) > 96:
        return fixed(value / 24, 0 if value % 24 == 0 else 1, unit=f"{THIN}days")
    return fixed(value, 0 if float(value).is_integer() or value >= 20 else 1, unit=f"{THIN}h")


def when(time: object, *, clock: bool = True) -> str:
    """A UTC time to the minute, or its day."""
    stamp = pd.Timestamp(time)  # type: ignore[arg-type]
    if pd.isna(stamp):
        return DASH
    return stamp.strftime("%Y-%m-%d %H:%M" if clock else "%Y-%m-%d")


def count(number: int, noun: str, plural: str = "") -> str:
    """`1 trade`, `1 204 trades`."""
    return f"{fixed(number)} {noun if number == 1 else plural or noun + 's'}"


def human(phase: str) -> str:
    """A phase as a sentence calls it."""
    return _PLURALS.get(phase, phase.replace("_", " "))


def titled(phase: str) -> str:
    """A phase as a heading calls it."""
    name = human(phase)
    return name[:1].upper() + name[1:]


def listed(names: tuple[str, ...] | list[str], most: int = 5) -> str:
    """`BTC, ETH, SOL`, with the tail of a long list counted."""
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[: most - 1])} and {len(names) - most + 1} more"


def prose(said: str, *, lead: str = "", first: bool = True) -> str:
    """A sentence from elsewhere in the report's style: a capital, true minus signs, a full stop.

    Args:
        said: the sentence.
        lead: a word that is left out where the sentence begins with it and a colon.
        first: whether it begins a sentence.
    """
    text = re.sub(r"(?<![\w.])-(?=\d)", MINUS, said.strip().removeprefix(f"{lead}: "))
    text = text[:1].upper() + text[1:] if first else text
    return text if not text or text[-1] in ".!?:" else f"{text}."


def inert(name: str) -> str:
    """Text for a Plotly label, which would otherwise obey some HTML tags."""
    return html.escape(" ".join(name.split()), quote=False)
