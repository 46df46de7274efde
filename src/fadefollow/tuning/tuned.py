"""The tuned strategy's file: the original with the winner's parameters, for `fadefollow run`."""

from __future__ import annotations

import hashlib
import itertools
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w

from fadefollow.core.atomic_file import as_store_error, write_whole
from fadefollow.core.toml import read_toml
from fadefollow.engine.strategy import Tuned
from fadefollow.tuning.space import meant

_HEAD = """\
# {name}, tuned: made by `fadefollow tune`, may be changed like any other strategy.
# What it earned before {until} is in sample, as its parameters were chosen there;
# the report of the tuning job says what such a choice was worth out of sample.
# contents: sha256 {digest}
"""


def tuned_text(original: Path, params: Mapping[str, Any], made: Tuned) -> str:
    """The text of the file.

    Args:
        original: the strategy's own file.
        params: of the winner, "params.NAME" or "trade.NAME" → value.
        made: what it was tuned on.

    Returns:
        TOML; the same for the same arguments.
    """
    data = read_toml(original)
    for key, value in params.items():
        table, _, name = key.partition(".")
        chosen = meant(value)
        if chosen is None:
            data.get(table, {}).pop(name, None)
        else:
            data.setdefault(table, {})[name] = chosen
    data["title"] = f"{data.get('title', original.stem)} (tuned)"
    data["tuned"] = made.model_dump(mode="json")
    body = tomli_w.dumps(data)
    until = made.until[:10]
    return _HEAD.format(name=original.stem, until=until, digest=_digest(body)) + body


def write_tuned(folder: Path, name: str, text: str, made: Tuned) -> Path:
    """Write `NAME_tuned.toml`, or `NAME_tuned_2.toml` … where that is not ours to replace.

    Only a file that was tuned from the same strategy on the same data set, and has not been changed
    by hand since, is replaced.

    Raises:
        StoreError: the folder cannot be written.
    """
    for number in itertools.count(1):
        path = folder / (f"{name[:50]}_tuned{'' if number == 1 else f'_{number}'}.toml")
        try:
            present = path.read_text("utf-8")
        except FileNotFoundError:
            break
        except (OSError, UnicodeDecodeError):
            continue
        if present == text or (_as_written(present) and _of(present, made)):
            break
    with as_store_error("cannot write to the folder of strategies", folder, ""):
        write_whole(path, text.encode())
    return path


def _digest(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()


def _as_written(text: str) -> bool:
    """Whether a tuned file is as a job wrote it."""
    lines = text.splitlines(keepends=True)
    head = len(_HEAD.splitlines())
    body = "".join(lines[head:])
    return lines[head - 1 : head] == [f"# contents: sha256 {_digest(body)}\n"]


def _of(text: str, made: Tuned) -> bool:
    """Whether a tuned file comes from the same strategy and data set."""
    table = tomllib.loads(text).get("tuned", {})
    return (table.get("original"), table.get("dataset")) == (made.original, made.dataset)
