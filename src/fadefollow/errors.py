"""The errors a user can meet. Each says the rule, what was found, where, and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from fadefollow.core.printable import printable

#: characters of what was found that a message quotes, of the place, and of rule and hint
QUOTED, PLACE, LONGEST = 200, 500, 4000


class FadeFollowError(Exception):
    """Root of all errors that are the input's fault; the command line exits with status 2.

    Args:
        rule: what must hold, in plain words.
        got: what was found instead.
        where: file, row, column or key.
        hint: the likely cause or the way out.
    """

    def __init__(self, rule: str, *, got: object = None, where: str = "", hint: str = "") -> None:
        self.rule, self.got, self.where, self.hint = rule, got, where, hint
        super().__init__(rule, got, where, hint)

    def __str__(self) -> str:
        rule, hint = (printable(part, limit=LONGEST) for part in (self.rule, self.hint))
        where = printable(self.where, limit=PLACE)
        text = f"{where}: {rule}" if where else rule
        if self.got is not None:
            text += f"; got {printable(_text(self.got), limit=QUOTED)}"
        return f"{text}\n  hint: {hint}" if hint else text

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.rule, self.got, self.where, self.hint)


def _text(value: object) -> str:
    """The value as text; of an integer that Python does not write out, its size."""
    try:
        return str(value)
    except ValueError:
        return "a number of thousands of digits"


def _rebuild(
    kind: type[FadeFollowError], rule: str, got: object, where: str, hint: str
) -> FadeFollowError:
    return kind(rule, got=got, where=where, hint=hint)


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


class MemoryShortError(FadeFollowError, MemoryError):
    """Too little memory for what was asked."""


class StoreError(FadeFollowError, OSError):
    """A folder or file that cannot be read or written."""


class FundingHoleError(FadeFollowError, ValueError):
    """A settlement is missing while a position is held."""


class CrewError(FadeFollowError, RuntimeError):
    """Workers that cannot be reached, run another program, or are lost."""


class LostItemError(CrewError):
    """A piece of work that ends every process that tries it."""


def short_of_memory(error: BaseException, *, doing: str = "") -> MemoryShortError:
    """The error that says what was being done, what it needed where that is known, and a way out.

    Args:
        error: of numpy, pyarrow or Python.
        doing: what was being done.
    """
    return MemoryShortError(
        "there must be memory enough for what is asked",
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
        f"{kind} must be a known name", got=repr(name), where=where, hint=f"{hint}known: {listed}"
    )
