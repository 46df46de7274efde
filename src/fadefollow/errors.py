"""Errors that a user can meet. Each has the rule, what was found, where, and a hint."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import ClassVar

from fadefollow.core.printable import printable

#: characters of what was found that a message quotes, of the place, and of rule and hint
QUOTED, PLACE, LONGEST = 200, 500, 4000
#: things that are wrong which a message lists
MOST_ITEMS = 40


class FadeFollowError(Exception):
    """Root of all errors that are the input's fault; the command line exits with status 2.

    Args:
        rule: what must hold (`alpha must be between 0 and 1`) or what is the case (`cannot write
            the page`), in plain words.
        got: what was found instead, or why; a kind of error says in `joint` how it follows.
        where: file, row, column or key.
        hint: the likely cause or the way out.
        items: all that is wrong, where it is more than one thing; each becomes a line.
    """

    joint: ClassVar[str] = "; got "  #: between rule and `got`

    def __init__(
        self,
        rule: str,
        *,
        got: object = None,
        where: str = "",
        hint: str = "",
        items: Sequence[str] = (),
    ) -> None:
        self.rule, self.got, self.where, self.hint = rule, got, where, hint
        self.items = tuple(items)
        super().__init__(rule, got, where, hint)

    def __str__(self) -> str:
        rule, hint = (printable(part, limit=LONGEST) for part in (self.rule, self.hint))
        where = printable(self.where, limit=PLACE)
        text = f"{where}: {rule}" if where else rule
        if self.got is not None:
            text += f"{self.joint}{printable(_text(self.got), limit=QUOTED)}"
        items = (f"\n  - {printable(item, limit=PLACE)}" for item in self.items[:MOST_ITEMS])
        more = len(self.items) - MOST_ITEMS
        rest = f"\n  - and {more:,} more" if more > 0 else ""
        return "".join((text, *items, rest, f"\n  hint: {hint}" if hint else ""))

    @property
    def summary(self) -> str:
        """The rule and what was found, without place and hint."""
        return self.rule if self.got is None else f"{self.rule}{self.joint}{self.got}"

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.rule, self.got, self.where, self.hint, self.items)


def _text(value: object) -> str:
    """The value as text; of an integer that Python does not write out, its size."""
    try:
        return str(value)
    except ValueError:
        return "a number of thousands of digits"


def _rebuild(
    kind: type[FadeFollowError],
    rule: str,
    got: object,
    where: str,
    hint: str,
    items: tuple[str, ...],
) -> FadeFollowError:
    return kind(rule, got=got, where=where, hint=hint, items=items)


class DataError(FadeFollowError, ValueError):
    """Market data that breaks its schema or cannot be trusted."""


class ParameterError(FadeFollowError, ValueError):
    """A setting out of its bounds or of the wrong kind."""


class SpecError(FadeFollowError, ValueError):
    """A TOML file that cannot be read as what it should be."""


class SignalError(FadeFollowError, ValueError):
    """A signal module that fails, or returns what is no table of phases."""


class UnknownNameError(FadeFollowError, LookupError):
    """A name that does not exist; the message lists those that do and the nearest one."""

    joint = " "  # no run named 'x'


class MemoryShortError(FadeFollowError, MemoryError):
    """Too little memory for what was asked."""

    joint = ": "


class StoreError(FadeFollowError, OSError):
    """A folder or file that cannot be read or written."""

    joint = ": "


class FundingHoleError(FadeFollowError, ValueError):
    """A settlement is missing while a position is held."""

    joint = ": "


class WorkerPoolError(FadeFollowError, RuntimeError):
    """The worker pool cannot be reached, runs another program, or is lost."""

    joint = ": "


class LostItemError(WorkerPoolError):
    """An item of work that ends every worker that tries it."""


def short_of_memory(error: BaseException, *, doing: str = "") -> MemoryShortError:
    """The error that says what was being done, what it needed where that is known, and a way out.

    Args:
        error: of numpy, pyarrow or Python.
        doing: what was being done.
    """
    return MemoryShortError(
        "not enough memory",
        got=str(error) or None,
        where=doing,
        hint="fewer coins (--symbols), less time (--since, --until), larger bars, fewer draws or "
        "fewer processes (--jobs) need less; so does closing other programs",
    )


def unknown(kind: str, name: str, known: Iterable[str], *, where: str = "") -> UnknownNameError:
    """The error for `name`, with the names there are and the nearest one."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}? " if near else ""
    listed = ", ".join(names) if names else "none"
    return UnknownNameError(
        f"no {kind} named", got=repr(name), where=where, hint=f"{hint}known: {listed}"
    )
