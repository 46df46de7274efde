"""What goes to the terminal: foreign text in it does nothing but show letters."""

from __future__ import annotations

import re
from typing import Any

import typer
from rich.console import Console as _Console
from rich.text import Text

from fadefollow.core.printable import printable

_WORD = re.compile(r"[^ \n\t]+")


def harmless(text: str) -> str:
    """The text without escape sequences and control characters; spaces and lines stay."""
    return _WORD.sub(lambda word: printable(word[0], limit=10**6), text)


def say(text: str, *, err: bool = False) -> None:
    """Print a line of harmless text."""
    typer.echo(harmless(text), err=err)


class Console(_Console):
    """rich's console; all text that comes as a string is made harmless."""

    def render_str(self, text: str, **how: Any) -> Text:
        """The harmless text, with what its markup says."""
        return super().render_str(harmless(text), **how)
