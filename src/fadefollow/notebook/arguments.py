"""Arguments held to their annotations, so that a wrong type is one plain message."""

from __future__ import annotations

import functools
import inspect
import numbers
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, ParamSpec, TypeVar, Union, get_args, get_origin, get_type_hints

from fadefollow.errors import ParameterError, unknown

P = ParamSpec("P")
R = TypeVar("R")

#: annotations in words; other classes go by their own names
_WORDS: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    str: "text",
    bool: "True or False",
    type(None): "None",
}
_SEVERAL = (Sequence, Iterable)


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """The function, whose arguments are held to its annotations before it is called.

    Options that a TypedDict declares (`**options: Unpack[RunKeywords]`) become keyword-only
    parameters of its signature, so that notebooks complete them.

    Raises:
        ParameterError: an argument of another type, one too many, or a missing one.
        UnknownNameError: an option that there is not.
    """
    signature, where = spread(function), f"ff.{function.__name__}"
    names = [n for n, p in signature.parameters.items() if p.kind is p.KEYWORD_ONLY]
    open_ = any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values())

    @functools.wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> R:
        for name in kwargs:
            if name not in signature.parameters and not open_:
                raise unknown("option", name, names, where=where)
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as error:
            raise ParameterError(str(error), where=where) from None
        for name, value in bound.arguments.items():
            parameter = signature.parameters[name]
            if parameter.kind is parameter.VAR_KEYWORD:
                continue
            several = parameter.kind is parameter.VAR_POSITIONAL
            for one in value if several else (value,):
                if not fits(one, parameter.annotation):
                    rule = f"{name} must be {words(parameter.annotation)}"
                    got = f"{type(one).__name__} {one!r}"
                    raise ParameterError(rule, got=got, where=where)
        return function(*args, **kwargs)

    called.__signature__ = signature  # type: ignore[attr-defined]
    return called


def spread(function: Callable[..., Any]) -> inspect.Signature:
    """The function's signature with its annotations resolved and its options spread out."""
    hints = get_type_hints(function)
    made: list[inspect.Parameter] = []
    for name, parameter in inspect.signature(function).parameters.items():
        hint = hints.get(name, Any)
        if parameter.kind is parameter.VAR_KEYWORD and hasattr(hint, "__args__"):
            (options,) = get_args(hint)
            made += [
                inspect.Parameter(option, parameter.KEYWORD_ONLY, default=None, annotation=of)
                for option, of in get_type_hints(options).items()
            ]
        else:
            made.append(parameter.replace(annotation=hint))
    return inspect.Signature(made, return_annotation=hints.get("return", Any))


def fits(value: object, hint: Any) -> bool:
    """Whether a value is of an annotated type; numpy's numbers are numbers, True is none."""
    origin, inner = get_origin(hint), get_args(hint)
    if hint is Any or isinstance(hint, TypeVar):
        return True
    if origin in (Union, types.UnionType):
        return any(fits(value, one) for one in inner)
    if origin is Literal:
        return any(value == one and type(value) is type(one) for one in inner)
    if origin is type:
        return isinstance(value, type) and issubclass(value, inner[0])
    if hint in (int, float):
        kind = numbers.Integral if hint is int else numbers.Real
        return isinstance(value, kind) and not isinstance(value, bool)
    if origin in _SEVERAL:
        if isinstance(value, str) or not isinstance(value, origin):
            return False
        # what can be read once only is left to its reader
        return not isinstance(value, Sequence) or all(fits(one, inner[0]) for one in value)
    if origin is Mapping:
        return isinstance(value, Mapping) and all(
            fits(k, inner[0]) and fits(v, inner[1]) for k, v in value.items()
        )
    return isinstance(value, type(None) if hint is None else origin or hint)


def words(hint: Any) -> str:
    """An annotation as a message says it: `text, several of text or None`."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        parts = list(dict.fromkeys(words(one) for one in inner))
        return f"{', '.join(parts[:-1])} or {parts[-1]}" if len(parts) > 1 else parts[0]
    if origin is Literal:
        return " or ".join(map(repr, inner))
    if origin is type:
        return f"a class of {inner[0].__name__}"
    if origin in _SEVERAL:
        return f"several of {words(inner[0])}"
    if origin is Mapping:
        return f"a mapping of {words(inner[1])} by {words(inner[0])}"
    if hint in _WORDS:
        return _WORDS[hint]
    return f"a {getattr(origin or hint, '__name__', hint)}"
