"""Watched claims in the terminal: within 80 columns, names whole where they can be."""

from __future__ import annotations

import dataclasses

import pytest

from fadefollow.cli.render.watch import show_added, show_claims
from fadefollow.results.claims import AlarmLine, BlockLine, Watched, WordLine
from tests.support.watch_cases import PAST, claim_of

NAME = "fade_crowded_funding-crowded_long-fade-hedged"


def claims() -> list[Watched]:
    """One claim that is open, and one that was confirmed and whose edge is gone."""
    block = BlockLine(NAME, 0, 0.02, 1.0, 0)
    word = WordLine("short", 0, "confirmed", 200.0, 10.0, 400.0, 31.0)
    gone = Watched(claim_of("short"), (block,), word, AlarmLine("short", 0, 4.6, 4.5))
    return [Watched(claim_of(NAME), (block,)), gone]


@pytest.mark.parametrize(
    ("width", "first"),
    [(80, "fade_crowded_funding-"), (160, NAME)],
)
def test_a_long_name_is_broken_at_its_hyphens_and_only_where_there_is_no_room(
    width: int, first: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    show_claims(claims()[:1], "0" * 64)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= width
    (row,) = (line.split() for line in lines if "open" in line)
    assert row[:4] == [first, "open", "1", "+200"]
    assert "crowded_long-fade-" in " ".join(lines)


def test_a_long_answer_leaves_the_other_columns_whole(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    show_claims(claims(), "0" * 64)
    text = capsys.readouterr().out
    assert "confirmed, gone" in text
    assert text.count("2024-04-01") == 2
    assert "…\n" not in text


@pytest.mark.parametrize(
    ("trades", "rate", "said"),
    [
        (60.0, 1.0, "80 % power, if trades come as often as they did"),
        (0.0, 0.0, "history: no trade of it"),
        # a trade in ten years: not within one
        (1.0, 0.0005, "at this rate no edge would be confirmed within a year"),
    ],
)
def test_what_a_new_claim_can_be_expected_to_show(
    trades: float, rate: float, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    past = dataclasses.replace(PAST, trades=trades, rate=rate, rate2=rate)
    show_added(claim_of(past=past))
    assert said in " ".join(capsys.readouterr().out.split())
