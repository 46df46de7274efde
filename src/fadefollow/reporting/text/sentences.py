"""Verdicts in sentences, and what simulated truth says about them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from fadefollow.engine.exits import EXIT_RULES
from fadefollow.phases import STANCES, Stance
from fadefollow.reporting.text.answers import (
    BOOKS,
    FAILS,
    FATE_ORDER,
    VERBS,
    books_of,
    fate_text,
    read_from,
    reason_text,
)
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
from fadefollow.verdict.settings import SMALLEST_BPS
from fadefollow.verdict.words import Fate

__all__ = [
    "POSITIONS",
    "VERBS",
    "Sentence",
    "Truth",
    "doubt",
    "headline",
    "rules",
    "sentence",
    "truth",
    "truths_counted",
]

#: in the order in which they are counted
Match = Literal[
    "match",
    "within costs",
    "nothing planted",
    "missed",
    "not tested",
    "false alarm",
    "wrong way",
    "unknown",
]
#: why a row is not decided, in a word
_DOUBTS: dict[str, str] = {
    "missing_streams": "no data",
    "no_data": "no data",
    "few_blocks": "too few events",
    "not_tradable": "not tradable",
    "never_seen": "never seen",
    "no_trades": "no trades",
    **{name: short for name, (_, short) in FAILS.items()},
}
#: claims of each fate, as they are counted
_COUNTED: Mapping[Fate, str] = {
    "supported": "supported",
    "fade": "decided for fading",
    "follow": "decided for following",
    "refuted": "refuted",
    "neither": "decided for neither",
    "open": "open",
    "untestable": "not testable here",
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
    """The answer for one phase: the fate of its claim in both books, then the numbers it rests on.

    For example `Fading crowded shorts on BTC: refuted against the market, open outright`, and
    then what fading made in each book, with the intervals that the words are read from.
    """
    lead = f"{_subject(verdict)}: {fate_text(verdict)}"
    if verdict.fate == "untestable":
        why = reason_text(verdict.reason)
        return Sentence(lead, f": {why}." if why else ".")
    said = "; ".join(_stances(verdict))
    return Sentence(lead, f". {said}." if said else ".")


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
    """All answers in one line: what the report's first screen says."""
    if not verdicts:
        return "Nothing was measured"
    if len(verdicts) == 1:
        return sentence(verdicts[0]).lead
    fates: Counter[Fate] = Counter(v.fate for v in verdicts)
    if fates["untestable"] == len(verdicts):
        return f"None of {len(verdicts)} claims can be tested here"
    shown = [f for f in FATE_ORDER if fates[f]]
    told = [f"{fates[f]} {_COUNTED[f]}" for f in shown]
    verb = "are" if fates[shown[0]] > 1 else "is"
    told[0] = f"{fates[shown[0]]} {verb} {_COUNTED[shown[0]]}"
    if shown[0] not in ("supported", "fade", "follow"):
        return f"None of {len(verdicts)} claims is supported: {_listed(told)}"
    return f"Of {len(verdicts)} claims {_listed(told)}"


def round_trip_bps(stance: StanceResult | NotTraded) -> float:
    """What a round trip cost on average: break-even cost less mean net return."""
    if isinstance(stance, NotTraded):
        return math.nan
    return stance.breakeven_cost_bps - stance.mean_net_bps


def doubt(verdict: Verdict) -> str:
    """Why a row is not decided, in a word or two; empty for the others."""
    if verdict.fate not in ("open", "untestable"):
        return ""
    reason = verdict.reason
    if verdict.fate == "open" and verdict.settle is not None and verdict.settle.conditions:
        return _DOUBTS[verdict.settle.conditions[0]]
    key = next(iter(reason.conditions), reason.code) if reason.code == "conditions" else reason.code
    return _DOUBTS.get(key, "open")


def _listed(parts: Sequence[str]) -> str:
    return ", ".join(parts[:-1]) + (" and " if len(parts) > 1 else "") + parts[-1]


def _subject(verdict: Verdict) -> str:
    """What is claimed of which coins: `Fading crowded shorts on BTC, ETH`."""
    about = f"{human(verdict.phase)} on {listed(verdict.symbols)}"
    if verdict.split:
        about += f" ({verdict.split})"
    if verdict.claim == "disputed":
        return f"Fading or following {about}"
    return f"{VERBS[verdict.claim]} {about}"


def _stances(verdict: Verdict) -> Iterator[str]:
    """What the claimed stances made, the book that speaks first.

    `Fading against the market made +42 bps a trade after all costs [5.1, 80], over 132 trades:
    pays`, and of further books and stances `outright it made +30 bps [−20, 80]: open`.
    """
    books = books_of([verdict])
    speaks = verdict.fates.book or "outright"
    asked: tuple[Stance, ...] = STANCES if verdict.claim == "disputed" else (verdict.claim,)
    for stance in asked:
        for place, book in enumerate(sorted(books, key=lambda one: one != speaks)):
            where = f" {BOOKS[book]}" if len(books) > 1 else ""
            told = _made(verdict.result(stance, book), first=not place)
            yield f"{BOOKS[book]} it {told}" if place else f"{VERBS[stance]}{where} {told}"


def _made(one: StanceResult | NotTraded, *, first: bool) -> str:
    """What a stance made in a book, with the interval that its word is read from."""
    if isinstance(one, NotTraded):
        return f"was not traded ({one.reason})"
    if not one.n_trades:
        return "had no trades"
    if math.isnan(one.mean_net_bps):
        return f"had too few trades to say ({fixed(one.n_trades)})"
    shown = interval(read_from(one))
    known = "" if DASH in shown else f" {shown}"
    if not first:
        return f"made {bps(one.mean_net_bps)}{known}: {one.word}"
    costs, trades = "a trade after all costs", count(one.n_trades, "trade")
    return f"made {bps(one.mean_net_bps)} {costs}{known}, over {trades}: {one.word}"


def truth(verdict: Verdict, instrument: str = "perp") -> Truth | None:
    """The verdict held against the planted drift; None where nothing is known.

    A drift planted in the lean's direction should pay those who follow, one against it those who
    fade, and none nobody. A drift below the cost of a round trip cannot pay anybody either, and
    where nothing is planted both stances lose their costs, so that `loses` and `small` are right. A
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
            f"{POSITIONS.get(instrument, instrument)} was not simulated, so the words are not "
            "held against it.",
        )
    if planted is None or not math.isfinite(planted):
        return None
    found = _truth_of_nothing(verdict) if planted == 0 else _truth_of(verdict, planted)
    before = {"simulation": f"{_SIMULATED} ", "others": f"{_OTHERS} "}
    text = before.get(verdict.planted_from or "", "") + found.text
    return Truth(found.kind, text, plain_bps(planted) if planted else "0")


def truths_counted(truths: Iterable[Truth | None]) -> dict[Match, int]:
    """How many verdicts are right, missed, false alarms, …: right ones first, and no zeros."""
    kinds = Counter(one.kind for one in truths if one is not None)
    return {kind: kinds[kind] for kind in get_args(Match) if kinds[kind]}


#: instruments as a sentence calls them
POSITIONS = {
    "spot": "spot market",
    "future": "dated future",
    "carry": "spread of future and spot",
}
_OTHERS = (
    "In the phase itself nothing is planted, but its events fall into phases in which there is."
)
_SIMULATED = "What is planted was simulated for this very position, without costs."


def _truth_of(verdict: Verdict, planted: float) -> Truth:
    expected: Stance = "follow" if planted > 0 else "fade"
    opposite: Stance = "fade" if planted > 0 else "follow"
    over = f" over {hours(verdict.horizon_hours)}" if verdict.horizon_hours else ""
    side = "in the lean's direction" if planted > 0 else "against the lean"
    told = f"{fixed(abs(planted), 1 if abs(planted) < 9.95 else 0)}{THIN}bps{over} {side}"
    lead = f"Planted: {told}, so {VERBS[expected].lower()} should pay."
    paying = {stance for stance, _ in verdict.paying}
    if expected in paying and opposite not in paying:
        return Truth("match", f"{lead} The words match the planted truth.")
    if paying:
        return Truth("wrong way", f"{lead} But {opposite} is said to pay: the wrong way.")
    spent = round_trip_bps(verdict.result(expected, "outright"))
    if abs(planted) <= spent:
        return Truth(
            "within costs",
            f"Planted: {told}, less than a round trip costs ({cost(spent)}), so neither stance "
            f"could be expected to pay. The words agree.",
        )
    if _has(verdict, "loses", expected):
        return Truth("wrong way", f"{lead} But it is said to lose: the wrong way.")
    if _has(verdict, "loses", opposite):
        return Truth("match", f"{lead} {VERBS[opposite]} is said to lose, which is right.")
    if _has(verdict, "small", expected):
        worth = cost(abs(planted) - spent)
        if abs(planted) - spent <= SMALLEST_BPS:
            return Truth("match", f"{lead} After costs that is {worth}: small, as is said.")
        return Truth("missed", f"{lead} After costs that is {worth}, and it is said to be small.")
    if verdict.fate == "untestable":
        return Truth("not tested", f"{lead} It could not be tested here.")
    return Truth("missed", f"{lead} Not enough evidence: missed.")


def _truth_of_nothing(verdict: Verdict) -> Truth:
    lead = "Planted: nothing, so that both stances lose their costs."
    if verdict.paying:
        said = " and ".join(dict.fromkeys(stance for stance, _ in verdict.paying))
        return Truth("false alarm", f"{lead} But {said} is said to pay: a false alarm.")
    if _has(verdict, "loses", *STANCES) or _has(verdict, "small", *STANCES):
        return Truth("match", f"{lead} The words agree: nothing is said to pay.")
    return Truth("nothing planted", f"{lead} The words claim nothing.")


def _has(verdict: Verdict, word: str, *stances: Stance) -> bool:
    return any(s in stances and one.word == word for (s, _), one in verdict.results.items())
