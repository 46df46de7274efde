"""Every signal of the workspace with its phases and parameters, and every stream."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pandas as pd

from fadefollow.market.streams import STREAMS, Column, Stream
from fadefollow.phases import Param, Signal
from fadefollow.workspace import Workspace, find_workspace
from reference.fields import toml

_TIMES = {
    "bars": "`time` is the open time of the bar; it is known at its close",
    "event": "`time` is the moment of the event; it is known then",
    "snapshot": "`time` is the moment of the snapshot; it is known then",
    "interval": "`time` is the start of the interval; it is known at its end and a publication lag",
}


def workspace() -> Workspace:
    """The repository's own."""
    return find_workspace(Path(__file__).resolve().parent)


def signals_page() -> str:
    """All signals as Markdown."""
    found = workspace()
    return "\n\n".join(_signal(found.signal(name)) for name in found.names("signals"))


def streams_page() -> str:
    """All streams as Markdown."""
    return "\n\n".join(_stream(stream) for stream in STREAMS.values())


def needs(streams: tuple[str, ...]) -> str:
    """What a phase needs, in words."""
    return ", ".join(" or ".join(f"`{s}`" for s in one.split("|")) for one in streams)


def _signal(kind: type[Signal]) -> str:
    doc = sys.modules[kind.__module__].__doc__ or ""
    story = [" ".join(part.split()) for part in doc.strip().split("\n\n")]
    lines = [f"## {kind.name()}", *(_coded(part) for part in story), "| phase | needs |\n|---|---|"]
    lines[-1] += "".join(f"\n| `{phase}` | {needs(n)} |" for phase, n in kind.phases.items())
    rows = "".join(
        f"\n| `{name}` | {toml(kind.model_fields[name].default)} | {_range(param)} "
        f"| {param.unit}{', ' * bool(param.unit and param.about)}{param.about} |"
        for name, param in kind.params().items()
    )
    lines.append(f"| parameter | default | from … to | unit, meaning |\n|---|---:|---|---|{rows}")
    return "\n\n".join(lines)


def _range(param: Param) -> str:
    return f"{param.low:g} … {param.high:g}{', searched by ratio' if param.log else ''}"


def _coded(text: str) -> str:
    """Plain text that Markdown leaves as it is."""
    return re.sub(r"([*_<>\[\]])(?![^`]*`(?:[^`]*`[^`]*`)*[^`]*$)", r"\\\1", text)


def _stream(stream: Stream) -> str:
    facts = [f"{stream.about[:1].upper()}{stream.about[1:]}.", f"{_TIMES[stream.kind]}."]
    if stream.max_age is not None:
        facts.append(f"Forgotten when it is older than {_span(stream.max_age)}.")
    if stream.key:
        facts.append(f"One row for each time and {', '.join(f'`{k}`' for k in stream.key)}.")
    rows = "".join(f"\n| `{name}` | {c.unit} | {_valid(c)} |" for name, c in stream.columns.items())
    table = f"| column | unit | valid |\n|---|---|---|{rows}"
    return f"## {stream.name}\n\n{' '.join(facts)}\n\n{table}"


def _span(span: pd.Timedelta) -> str:
    hours = span / pd.Timedelta(hours=1)
    return f"{hours:g} hours" if hours < 48 else f"{hours / 24:g} days"


def _valid(column: Column) -> str:
    low = "above 0" if column.positive else None
    low = low or (f"at least {column.low:g}" if column.low is not None else None)
    high = f"at most {column.high:g}" if column.high is not None else None
    words = [word for word in (low, high, "may be absent" if column.optional else None) if word]
    return ", ".join(words) or "any"
