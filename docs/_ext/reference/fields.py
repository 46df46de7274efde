"""Fields of models and dataclasses with what their source says about them."""

from __future__ import annotations

import dataclasses
import datetime as dt
import inspect
import re
import types
import typing
from typing import Any, Literal, NamedTuple

import pandas as pd
from pydantic import BaseModel
from sphinx.pycode import ModuleAnalyzer

_NAMES = {
    str: "text",
    int: "number",
    float: "number",
    bool: "true or false",
    dt.date: "day",
    dt.datetime: "time",
    pd.Timedelta: 'span, as "1h"',
    type(None): "",
    Any: "value",
}


class Entry(NamedTuple):
    """One field."""

    name: str
    kind: str  #: in words
    default: str  #: as written in TOML; empty where there is none
    required: bool
    about: str  #: the `#:` comment at the field
    bounds: str


def entries(model: type[Any]) -> list[Entry]:
    """All fields of a pydantic model or a dataclass, in order, those inherited too."""
    told = {key: text for base in reversed(model.__mro__) for key, text in _told(base).items()}
    if issubclass(model, BaseModel):
        return [
            Entry(
                name,
                kind(info.annotation),
                _model_default(info),
                info.is_required(),
                told.get(name, ""),
                _bounds([*info.metadata, *_inner_bounds(info.annotation)]),
            )
            for name, info in model.model_fields.items()
        ]
    hints = typing.get_type_hints(model)
    return [
        Entry(
            f.name, kind(hints[f.name]), "", required=False, about=told.get(f.name, ""), bounds=""
        )
        for f in dataclasses.fields(model)
    ]


def kind(annotation: Any) -> str:
    """A type in a trader's words."""
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return kind(inner[0])
    if origin is Literal:
        return " or ".join(f'"{value}"' for value in inner)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(dict.fromkeys(kind(a) for a in inner if a is not types.NoneType))
    if origin is tuple and len(inner) == 2 and inner[1] is not Ellipsis:
        return "pair of " + _plural(kind(inner[0]))
    if origin in (tuple, list):
        return "list of " + _plural(kind(inner[0]))
    if origin is dict:
        return f"table of {_plural(kind(inner[1]))}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "table"
    return _NAMES.get(annotation, getattr(annotation, "__name__", str(annotation)))


def toml(value: Any) -> str:
    """A value as TOML writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{value:g}" if abs(value) < 1e6 else f"{value:,.0f}".replace(",", "_")
    if isinstance(value, dict) and not value:
        return "{}"
    if isinstance(value, tuple | list):
        return f"[{', '.join(toml(v) for v in value)}]"
    if isinstance(value, pd.Timedelta):
        return f'"{value / pd.Timedelta(days=1):g}D"'
    return value.isoformat() if isinstance(value, dt.date) else f'"{value}"'


def _told(model: type[Any]) -> dict[str, str]:
    """`#:` comments at the class's own fields, and the lines of its docstring's Attributes."""
    if not model.__module__.startswith(("fadefollow", "signals")):
        return {}
    found = ModuleAnalyzer.for_module(model.__module__).find_attr_docs()
    said = {
        key: " ".join(lines).strip()
        for (owner, key), lines in found.items()
        if owner == model.__name__
    }
    return _attributes(inspect.getdoc(model) or "") | said


def _attributes(doc: str) -> dict[str, str]:
    block = re.search(r"^Attributes:\n((?:    .*\n?|\n)+)", doc, re.MULTILINE)
    if not block:
        return {}
    items = re.findall(r"^    ([a-z_, ]+): ((?:.|\n(?!    \S))*)", block[1], re.MULTILINE)
    return {
        name: " ".join(text.split()) for names, text in items for name in re.split(r",\s*", names)
    }


def _model_default(info: Any) -> str:
    if info.is_required():
        return ""
    value = info.get_default(call_default_factory=True)
    if value is None or isinstance(value, BaseModel):
        return ""
    return toml(value)


def _inner_bounds(annotation: Any) -> list[Any]:
    """Bounds of a table's values."""
    inner = typing.get_args(annotation)
    if typing.get_origin(annotation) is dict and typing.get_origin(inner[1]) is typing.Annotated:
        return list(getattr(typing.get_args(inner[1])[1], "metadata", []))
    return []


def _bounds(metadata: list[Any]) -> str:
    words = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
    found = [
        f"{words[key]} {getattr(item, key):g}"
        for item in metadata
        for key in words
        if isinstance(getattr(item, key, None), int | float)
    ]
    return ", ".join(found)


def _plural(word: str) -> str:
    return word if word.endswith("s") or '"' in word else f"{word}s"
