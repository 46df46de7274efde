"""New strategies and signals, from what is there already."""

from __future__ import annotations

import contextlib
import re
import uuid
from pathlib import Path

from fadefollow.errors import ParameterError, StoreError
from fadefollow.workspace import Workspace, reason

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


def write_strategy(workspace: Workspace, name: str, signal: str) -> Path:
    """A strategy file for `signal`, with its phases, default parameters and search ranges.

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
            f'"params.{key}" = {{ low = {p.low:g}, high = {p.high:g}'
            + (", log = true }" if p.log else " }")
            for key, p in kind.params().items()
        ),
        '"trade.hold_hours" = { low = 24, high = 168, step = 8 }',
    ]
    return _write(workspace.own("strategies") / f"{name}.toml", name, "\n".join(lines) + "\n")


def write_signal(workspace: Workspace, name: str) -> Path:
    """A signal module that works as it is, to be changed into the user's own."""
    text = _SIGNAL.replace("NAME", name).replace("CLASS", _camel(name))
    return _write(workspace.own("signals") / f"{name}.py", name, text)


def _write(path: Path, name: str, text: str) -> Path:
    if not _NAME.fullmatch(name):
        raise ParameterError(
            "a name must be lower-case letters, digits and underscores, a letter first",
            got=repr(name),
        )
    if path.exists():
        raise ParameterError(
            "a new file must not overwrite one", got=str(path), hint="choose another name"
        )
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        temporary.write_text(text, "utf-8")
        temporary.replace(path)
    except OSError as error:
        raise StoreError(
            "the folder must be writable", got=reason(error), where=str(path.parent),
            hint="make a workspace of your own with `fadefollow init DIR`",
        ) from error  # fmt: skip
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    return path


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, int | float) else f'"{value}"'


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
