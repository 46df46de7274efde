"""Scaffolds for new strategies and signals."""

from __future__ import annotations

import json
import keyword
import re
import sys
from pathlib import Path

from fadefollow.core.atomic_file import as_store_error, write_whole
from fadefollow.errors import ParameterError
from fadefollow.workspace import NAME_RULE, Workspace

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


def write_strategy(workspace: Workspace, name: str, signal: str) -> Path:
    """The path of a new strategy file for `signal`, with phases, defaults and search ranges.

    Raises:
        UnknownNameError: there is no such signal.
        ParameterError: the name is not a plain one, or is taken.
    """
    kind = workspace.signal(signal)
    defaults = kind().model_dump()
    lines = [
        "# Who is trapped, according to whom? What does the account say pays?",
        f'title = "{name.replace("_", " ").capitalize()}"',
        'claim = "fade"         # what the account says: fade, follow or disputed',
        'account = "Say here which account claims what."',
        f'signal = "{signal}"',
        f"phases = [{', '.join(f'{phase!r}' for phase in kind.phases)}]".replace("'", '"'),
        "",
        "[params]",
        *(f"{key} = {_toml(value)}" for key, value in defaults.items()),
        "",
        "[trade]",
        'instrument = "perp"',
        "hold_hours = 72",
        "opposite = true",
        "",
        "[search]",
        *(
            f'"params.{key}" = {{ low = {_toml(p.low)}, high = {_toml(p.high)}'
            + (", log = true }" if p.log else " }")
            for key, p in kind.params().items()
        ),
        '"trade.hold_hours" = { low = 24, high = 168, step = 8 }',
    ]
    return _write(workspace.own("strategies") / f"{name}.toml", name, "\n".join(lines) + "\n")


def write_signal(workspace: Workspace, name: str) -> Path:
    """The path of a new signal module, which works as it is."""
    _refuse_taken(name)
    text = _SIGNAL.replace("NAME", name).replace("CLASS", _camel(name))
    return _write(workspace.own("signals") / f"{name}.py", name, text)


def _refuse_taken(name: str) -> None:
    """Names that Python has given away, to words, modules, or what a signal's module uses."""
    words = {word.lower() for word in keyword.kwlist}
    used = set(re.findall(r"\b[A-Z]\w+", _SIGNAL)) - {"NAME", "CLASS"}
    if name in words or name in sys.stdlib_module_names or _camel(name) in used:
        raise ParameterError(
            "a signal must not be called like a word or a module of Python, "
            "or like a class that signals use",
            got=repr(name),
            hint=f"choose another name, such as my_{name}",
        )


def _write(path: Path, name: str, text: str) -> Path:
    if not _NAME.fullmatch(name):
        raise ParameterError(NAME_RULE, got=repr(name))
    if path.exists():
        raise ParameterError("the file exists already", where=str(path), hint="choose another name")
    hint = "make a workspace of your own with `fadefollow init DIR`"
    with as_store_error("cannot write to the folder", path.parent, hint):
        write_whole(path, text.encode())
    return path


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        short = f"{value:g}"
        return short if float(short) == value else repr(value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else str(value)


_SIGNAL = '''\
"""One line: which phase this is.

Then the market story in a few sentences: who holds which positions, why they are trapped or are
right, and what the account says pays. Source: the account, the paper.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

import numpy as np

from fadefollow.phases.features import FloatArray, fire_once
from fadefollow.market import Market
from fadefollow.phases import Param, Phases, Signal


class CLASS(Signal):
    """What is compared with what, over which window."""

    #: phase → the streams without which it cannot be detected
    phases: ClassVar[Mapping[str, tuple[str, ...]]] = {"NAME_up": ("perp",)}
    #: phase → what it is in about five words
    about: ClassVar[Mapping[str, str]] = {"NAME_up": "price far above the window's start"}
    #: further streams that it reads where they are there
    reads: ClassVar[tuple[str, ...]] = ()

    window_hours: Annotated[float, Param(12, 720, unit="hours")] = 72.0
    size_bps: Annotated[float, Param(50, 5000, unit="bps", log=True)] = 800.0
    cooldown_hours: Annotated[float, Param(0, 336, unit="hours")] = 24.0

    def features(self, market: Market) -> dict[str, FloatArray]:
        """The return over the window in bps as of each bar's close, shape (n,); NaN in warm-up."""
        close = market.column("perp", "close")
        window = market.bars_in(self.window_hours)
        move = np.full(len(market), np.nan)
        move[window:] = 1e4 * (close[window:] / close[:-window] - 1)
        return {"move_bps": move}

    def detect(self, market: Market) -> Phases:
        """Phase `NAME_up`: price rose by more than `size_bps` over the window."""
        missing = self.lacking(market)
        if missing:
            return Phases.of(market, signal=self.name(), events=[], missing=missing)
        move = self.features(market)["move_bps"]
        bars = fire_once(move > self.size_bps, cooldown_bars=market.bars(self.cooldown_hours))
        return Phases.of(
            market,
            signal=self.name(),
            events=[
                {
                    "bar": bar,
                    "phase": "NAME_up",
                    "lean": 1,  # the side of the positions that the phase identifies
                    "actor": "crowd",
                    "strength": move[bar] / self.size_bps,
                    "move_bps": move[bar],
                }
                for bar in bars
            ],
        )
'''
