"""What a phase is, who leans which way, and what its strategy trades: the head of its page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fadefollow.reporting.pages.answers import Answer
from fadefollow.reporting.pages.coverage import plain
from fadefollow.reporting.text import formatting as text
from fadefollow.reporting.text.answers import CLAIMS
from fadefollow.reporting.text.sentences import rules
from fadefollow.verdict.model import RunResult

#: with more parameters than this, the rest is left to the settings under Method
_MOST = 8


@dataclass(frozen=True)
class Story:
    """A phase and its strategy in words; empty where nothing is stored."""

    about: str  #: what the phase is, as its signal says
    account: str  #: who claims what
    facts: tuple[tuple[str, str], ...]  #: label and value


def story_of(run: RunResult, answer: Answer, lean: tuple[int, str] | None) -> Story:
    """The story of one answer.

    Args:
        run: what it is about.
        answer: the phase.
        lean: the side, 1 for long and -1 for short, and the name of those who lean; None if
            the phase was never seen.
    """
    verdict = answer.verdict
    said = run.strategies.get(verdict.strategy, {})
    params = said.get("params")
    facts = {
        "The lean": _leans(lean),
        "The claim": text.titled(CLAIMS[verdict.claim]),
        "Seen": f"{text.count(verdict.n_phases, 'time')} on {text.listed(verdict.symbols, 8)}"
        if verdict.symbols
        else "",
        "Rules": rules(said),
        "Parameters": _params(params) if isinstance(params, Mapping) else "",
    }
    return Story(
        about=_unmarked(str(said.get("signal_about") or "")),
        account=str(said.get("account") or ""),
        facts=tuple((label, value) for label, value in facts.items() if value),
    )


def _unmarked(said: str) -> str:
    """A module's words without the marks that its docstring sets them in."""
    return said.replace("**", "").replace("`", "")


def _leans(lean: tuple[int, str] | None) -> str:
    if lean is None or not lean[0]:
        return ""
    side, fade, follow = (
        ("long", "sells short", "buys") if lean[0] > 0 else ("short", "buys", "sells short")
    )
    return f"{text.titled(lean[1])}, {side}: fading {fade}, following {follow}"


def _params(params: Mapping[str, Any]) -> str:
    shown = [f"{str(name).replace('_', ' ')} {plain(v)}" for name, v in params.items()]
    rest = len(shown) - _MOST
    return ", ".join(shown[:_MOST]) + (f" and {rest} more, under Method" if rest > 0 else "")
