"""What is being done, and the command line that does the same."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from fadefollow.cli.render.console import progress
from fadefollow.cli.render.progress import Step

#: seconds between two words on what is being done
_PACE = 0.2


def command_line(words: Sequence[str], options: Mapping[str, Any]) -> str:
    """The command line with these options, each with dashes."""
    line = ["fadefollow", *words]
    for name, value in options.items():
        if value is None or value is False:
            continue
        line.append(f"--{name.replace('_', '-')}")
        if value is not True:
            line.append(",".join(value) if isinstance(value, tuple | list) else str(value))
    return shlex.join(line)


@contextmanager
def progress_shown() -> Iterator[Step]:
    """Says what is being done: a line in the cell of a notebook, else a bar in the terminal."""
    if not _in_notebook():
        with progress() as step:
            yield step
        return
    from IPython.display import display

    first = {"text/plain": "starting"}
    handle: Any = display(first, raw=True, display_id=True)  # type: ignore[no-untyped-call]
    last = 0.0

    def tell(text: str, done: float | None) -> None:
        nonlocal last
        if time.monotonic() - last >= _PACE:
            last = time.monotonic()
            share = "" if done is None else f" {done:.0%}"
            handle.update({"text/plain": f"{text}{share}"}, raw=True)

    try:
        yield tell
    finally:
        handle.update({"text/plain": ""}, raw=True)  # the result takes its place


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell is not None and hasattr(shell, "kernel")
