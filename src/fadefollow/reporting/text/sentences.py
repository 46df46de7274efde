"""Verdicts in sentences, and what simulated truth says about them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from fadefollow.engine.exits import EXIT_RULES
from fadefollow.reporting.text.formatting import (
    DASH,
    THIN,
    bps,
    cost,
    count,
    fixed,
    hours,
    human,
    interval,
    listed,
    percent,
    plain_bps,
)
from fadefollow.verdict.model import NotTraded, StanceResult, Verdict

Match = Literal[
    "match", "missed", "false alarm", "wrong way", "within costs", "nothing planted", "unknown"
]
VERBS = {"fade": "Fading", "follow": "Following"}
#: why a row is not decided → in a word, and for several of them
_DOUBTS: dict[str, tuple[str, str]] = {
    "missing_streams": ("no data", "for want of data"),
    "no_data": ("no data", "for want of data"),
    "few_blocks": ("too few events", "with too few independent events"),
    "not_tradable": ("not tradable", "that could not be traded"),
    "never_seen": ("never seen", "that were never seen"),
    "no_trades": ("no trades", "without a completed trade"),
    "mean": ("too uncertain", "too uncertain to tell from nothing"),
    "placebo": ("like placebo", "no better than their placebo"),
    "momentum": ("like momentum", "that momentum alone explains"),
}


@dataclass(frozen=True)
class Sentence:
    """A verdict in words: a bold lead, then the numbers."""

    lead: str
    rest: str

    def __str__(self) -> str:
        return f"{self.lead}{self.rest}"


@dataclass(frozen=True)
class Truth:
    """Whether a verdict agrees with what the lab planted, and why."""

    kind: Match
    text: str
    planted: str = DASH  #: the drift in the lean's direction, bps


def sentence(verdict: Verdict) -> Sentence:
    """The answer for one phase, with its numbers and their units."""
    subject = f"{human(verdict.phase)} on {listed(verdict.symbols)}"
    if verdict.split:
        subject += f" ({verdict.split})"
    if verdict.verdict in VERBS:
        return _pays(verdict, subject)
    both = _both(verdict)
    if verdict.verdict == "neither":
        return Sentence(f"Neither pays: {subject}", f". {_upper(both)}, after all costs.")
    return Sentence(f"Undecided: {subject}", f". {_upper(both)}.{_power(verdict)}")


def rules(strategy: Mapping[str, Any]) -> str:
    """What a strategy trades and how it leaves: `trades the perp, holds 72 h`; empty if unknown."""
    trade = strategy.get("trade")
    if not isinstance(trade, Mapping):
        return ""
    parts = []
    if "instrument" in trade:
        what = str(trade["instrument"])
        parts.append(f"trades the {POSITIONS.get(what, what)}")
    if isinstance(trade.get("hold_hours"), int | float):
        parts.append(f"holds {hours(float(trade['hold_hours']))} at most")
    for rule in EXIT_RULES:
        if isinstance(trade.get(rule.name), int | float):
            parts.append(rule.said(percent(float(trade[rule.name]))))
    return ", ".join(parts)


def headline(verdicts: tuple[Verdict, ...]) -> str:
    """All verdicts in one line: what the report's first screen says."""
    if not verdicts:
        return "Nothing was measured"
    paying = [v for v in verdicts if v.verdict in VERBS]
    rest = _others(verdicts, other=bool(paying))
    if len(verdicts) == 1:
        return sentence(verdicts[0]).lead
    if not paying:
        return f"None of the {len(verdicts)} phases asked about pays: {rest}"
    if len(paying) == 1:
        return f"{sentence(paying[0]).lead}; {rest}"
    words: Counter[str] = Counter(v.verdict for v in paying)
    ways = ", ".join(f"{words[w]} to {w}" for w in VERBS if words[w])
    lead = f"{len(paying)} of the {len(verdicts)} phases asked about pay: {ways}"
    return f"{lead}; {rest}" if rest else lead


def round_trip_bps(stance: StanceResult | NotTraded) -> float:
    """What a round trip cost on average: break-even cost less mean net return."""
    if isinstance(stance, NotTraded):
        return math.nan
    return stance.breakeven_cost_bps - stance.mean_net_bps


def doubt(verdict: Verdict) -> str:
    """Why a verdict is undecided, in a word or two; empty for the others."""
    return _doubt(verdict)[0] if verdict.verdict == "undecided" else ""


def summary(verdicts: tuple[Verdict, ...]) -> Sentence | None:
    """All undecided verdicts in one sentence: how many, and why; None without any."""
    undecided = [v for v in verdicts if v.verdict == "undecided"]
    if not undecided:
        return None
    kinds: Counter[str] = Counter(_doubt(v)[1] for v in undecided)
    parts = [f"{n} {kind}" for kind, n in kinds.most_common()]
    said = ", ".join(parts[:-1]) + (" and " if len(parts) > 1 else "") + parts[-1]
    other = " more" if len(undecided) < len(verdicts) else ""
    are = "is" if len(undecided) == 1 else "are"
    return Sentence(f"{len(undecided)}{other} {are} undecided", f": {said}.")


def _doubt(verdict: Verdict) -> tuple[str, str]:
    """In a word, and for several of them."""
    reason = verdict.reason
    key = next(iter(reason.conditions), reason.code) if reason.code == "conditions" else reason.code
    return _DOUBTS.get(key, ("undecided", "for other reasons"))


def truth(verdict: Verdict, instrument: str = "perp") -> Truth | None:
    """The verdict held against the planted drift; None where nothing is known.

    A drift planted in the lean's direction should pay those who follow, one against it those who
    fade, and none nobody. A drift below the cost of a round trip cannot pay anybody either. A
    label tells the drift of the perp only: positions in anything else need a simulated truth.

    Args:
        verdict: with what was planted.
        instrument: what its strategy trades.
    """
    planted = verdict.planted_bps
    simulated = verdict.planted_from == "simulation"
    if planted is not None and instrument != "perp" and not simulated:
        return Truth(
            "unknown",
            f"The lab plants the drift of the perp. What it is worth to a position in the "
            f"{POSITIONS.get(instrument, instrument)} was not simulated, so this verdict is not "
            "held against it.",
        )
    if planted is None or not math.isfinite(planted):
        return None
    found = _truth_of_nothing(verdict) if planted == 0 else _truth_of(verdict, planted)
    text = f"{_SIMULATED} {found.text}" if simulated else found.text
    return Truth(found.kind, text, plain_bps(planted) if planted else "0")


#: instruments as a sentence calls them
POSITIONS = {
    "spot": "spot market",
    "future": "dated future",
    "carry": "spread of future and spot",
}
_SIMULATED = "What is planted was simulated for this very position, without costs."


def _truth_of(verdict: Verdict, planted: float) -> Truth:
    word = verdict.verdict
    expected = "follow" if planted > 0 else "fade"
    over = f" over {hours(verdict.horizon_hours)}" if verdict.horizon_hours else ""
    side = "in the lean's direction" if planted > 0 else "against the lean"
    told = f"{fixed(abs(planted), 1 if abs(planted) < 9.95 else 0)}{THIN}bps{over} {side}"
    lead = f"Planted: {told}, so {VERBS[expected].lower()} should pay."
    if word == expected:
        return Truth("match", f"{lead} The verdict matches the planted truth.")
    if word in VERBS:
        return Truth("wrong way", f"{lead} The verdict says {word}: the wrong way.")
    spent = round_trip_bps(verdict.fade if expected == "fade" else verdict.follow)
    if abs(planted) <= spent:
        return Truth(
            "within costs",
            f"Planted: {told}, less than a round trip costs ({cost(spent)}), so neither stance "
            f"could be expected to pay. The verdict agrees.",
        )
    if word == "undecided":
        return Truth("missed", f"{lead} Not enough evidence: missed.")
    return Truth("missed", f"{lead} The verdict says neither: missed.")


def _truth_of_nothing(verdict: Verdict) -> Truth:
    lead = "Planted: nothing, so neither stance should pay."
    if verdict.verdict in VERBS:
        return Truth("false alarm", f"{lead} The verdict says {verdict.verdict}: a false alarm.")
    if verdict.verdict == "undecided":
        return Truth("nothing planted", f"{lead} The verdict claims nothing.")
    return Truth("match", f"{lead} The verdict matches the planted truth: it claims nothing.")


def _pays(verdict: Verdict, subject: str) -> Sentence:
    word = verdict.verdict
    chosen = verdict.fade if word == "fade" else verdict.follow
    lead = f"{VERBS[word]} {subject} pays"
    if isinstance(chosen, NotTraded):
        return Sentence(lead, ".")
    numbers = f": {bps(chosen.mean_net_bps)} a trade after all costs {interval(chosen.ci_bps)}"
    held = "" if math.isnan(chosen.mean_hold_hours) else f" held {hours(chosen.mean_hold_hours)}"
    return Sentence(lead, f"{numbers}, over {count(chosen.n_trades, 'trade')}{held} on average.")


def _both(verdict: Verdict) -> str:
    parts = []
    for verb, stance in (("fading", verdict.fade), ("following", verdict.follow)):
        if isinstance(stance, NotTraded):
            parts.append(f"{verb} was not traded ({stance.reason})")
        elif not stance.n_trades:
            parts.append(f"{verb} had no trades")
        elif math.isnan(stance.mean_net_bps):
            parts.append(f"{verb} had too few trades to say ({fixed(stance.n_trades)})")
        else:
            ci = stance.ci_bps
            shown = f" {interval(ci)}" if math.isfinite(ci[0]) and math.isfinite(ci[1]) else ""
            parts.append(f"{verb} made {bps(stance.mean_net_bps)} a trade{shown}")
    return " and ".join(parts)


def _power(verdict: Verdict) -> str:
    if not math.isfinite(verdict.detectable_bps):
        return ""
    least = plain_bps(verdict.detectable_bps, sign=False)
    return f" The smallest effect that this sample would reliably show is {least}{THIN}bps."


def _others(verdicts: tuple[Verdict, ...], *, other: bool) -> str:
    words: Counter[str] = Counter(v.verdict for v in verdicts)
    parts = []
    if words["undecided"]:
        parts.append(f"{words['undecided']}{' more' if other else ''} undecided")
    if words["neither"]:
        parts.append(f"{words['neither']} where neither stance pays")
    return ", ".join(parts)


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
