"""Foreign text before it reaches a terminal."""

from __future__ import annotations

import pytest

from fadefollow.core.printable import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, as it is: 1 % of ä", "plain, as it is: 1 % of ä"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[2J\x1b[1;1Hgone", "gone"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9b31mred", "red"),
        ("a\x1bPq#0\x1b\\b", "ab"),
        ("\x1b(0lines", "lines"),
        ("unfinished \x1b[", "unfinished"),
        ("two\nlines\tand \r\nmore", "two lines and more"),
        ("bell\x07 null\x00 del\x7f", "bell null del"),
        ("right\u202eto left", "rightto left"),
        ("\ud800", ""),
    ],
)
def test_nothing_acts_on_a_terminal(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_long_text_is_cut() -> None:
    assert printable("x" * 200) == "x" * 200
    assert printable("x" * 201) == "x" * 199 + "…"
    assert printable("abcdef", limit=4) == "abc…"
    assert len(printable("\x1b[31m" * 10**6 + "x")) <= 200
