"""Reading TOML files into typed settings, with one plain message where that fails."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from fadefollow.core.reading import LARGEST_TEXT, regular_bytes
from fadefollow.errors import FadeFollowError, SpecError, unknown

Model = TypeVar("Model", bound=BaseModel)


def read_toml(path: Path) -> dict[str, Any]:
    """The content of a TOML file.

    Raises:
        SpecError: it cannot be read, is no regular file, is not UTF-8, or is malformed (the
            message names the line).
    """
    try:
        text = regular_bytes(path, limit=LARGEST_TEXT).decode("utf-8-sig")
        data = tomllib.loads(text.replace("\r\n", "\n").replace("\r", "\n"))
        too_long = next(_too_long(data), None)
    except tomllib.TOMLDecodeError as error:
        raise SpecError(f"not valid TOML: {error}", where=str(path)) from error
    except UnicodeDecodeError as error:
        raise SpecError(f"not UTF-8 text: {error}", where=str(path)) from error
    except RecursionError:
        raise SpecError("tables or lists are nested too deeply", where=str(path)) from None
    except ValueError as error:  # Python refuses numbers of thousands of digits
        raise SpecError("an integer must fit into 64 bits", where=str(path)) from error
    except OSError as error:
        raise SpecError(f"cannot read the file: {error.strerror}", where=str(path)) from error
    if too_long is not None:
        raise SpecError("an integer must fit into 64 bits", where=f"{path}, key {too_long!r}")
    return data


def _too_long(value: Any, key: str = "") -> Iterator[str]:
    """Keys of the integers that TOML does not have."""
    if isinstance(value, dict | list):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for name, inner in pairs:
            yield from _too_long(inner, f"{key}.{name}" if key else str(name))
    elif isinstance(value, int) and not -(2**63) <= value < 2**63:
        yield key


def build(model: type[Model], data: dict[str, Any], *, where: str) -> Model:
    """`data` as a `model`; the first thing that is wrong becomes the message.

    Raises:
        UnknownNameError: a key that the model does not have.
        SpecError: a value of the wrong kind or out of its bounds, or a missing key.
        FadeFollowError: as raised by the model's own validators.
    """
    if not isinstance(data, dict):
        raise SpecError("this must be a table", got=repr(data), where=where)
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise plain(error, model, where=where) from None
    except FadeFollowError as error:
        raise placed(error, where) from None


def placed(error: FadeFollowError, where: str) -> FadeFollowError:
    """The same error, with `where` before the place that it names."""
    place = f"{where}: {error.where}" if error.where else where
    return type(error)(error.rule, got=error.got, where=place, hint=error.hint)


def plain(error: ValidationError, model: type[BaseModel], *, where: str) -> FadeFollowError:
    """pydantic's complaint in the project's words: the first thing that is wrong."""
    # a misspelt key also explains the one that is missing
    first = min(error.errors(), key=lambda e: e["type"] != "extra_forbidden")
    key = ".".join(str(part) for part in first["loc"])
    if isinstance(cause := first.get("ctx", {}).get("error"), FadeFollowError):
        return placed(cause, f"{where}, {key}" if key else where)
    if first["type"] == "extra_forbidden":
        known = _keys(model, first["loc"][:-1])
        return unknown("key", str(first["loc"][-1]), known, where=where)
    got = None if first["type"] == "missing" else repr(first["input"])
    return SpecError(first["msg"], got=got, where=f"{where}, key {key!r}" if key else where)


def _keys(model: type[BaseModel], path: tuple[int | str, ...]) -> list[str]:
    """Names of the fields of the model found by following `path` from `model`."""
    for part in path:
        info = model.model_fields.get(str(part))
        inner = info.annotation if info else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return []
        model = inner
    return list(model.model_fields)
