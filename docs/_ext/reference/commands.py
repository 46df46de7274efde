"""Every command of the application with its arguments, options and defaults."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from typing import Any, NamedTuple

import typer

from fadefollow.cli.app import app

#: kinds of values, as one types them
_KINDS = {"str": "TEXT", "int": "NUMBER", "float": "NUMBER", "Path": "PATH"}


class Command(NamedTuple):
    """One command."""

    name: str  #: as it is typed, e.g. "fadefollow data fetch"
    about: str  #: its help
    arguments: tuple[Any, ...]  #: typer's parameters
    options: tuple[Any, ...]


def all_commands() -> list[Command]:
    """Every command of the application that is not hidden, in its own order."""
    return list(_walk(typer.main.get_command(app), "fadefollow"))


def commands_page() -> str:
    """All commands as Markdown."""
    return "\n\n".join(_command(command) for command in all_commands())


def usage(command: Command) -> str:
    """The line that one types."""
    words = [command.name, *(_argument(a) for a in command.arguments)]
    return " ".join([*words, "[OPTIONS]"] if command.options else words)


def flags(option: Any) -> list[str]:
    """How an option is written: long forms, the ones that negate it, short forms."""
    return sorted([*option.opts, *option.secondary_opts], key=lambda flag: not flag[2:])


def _walk(node: Any, name: str) -> Iterator[Command]:
    if node.hidden:
        return
    inner = getattr(node, "commands", {})
    split: dict[bool, list[Any]] = {True: [], False: []}
    for param in node.params:
        if not param.hidden and param.name != "help":
            split[param.param_type_name == "argument"].append(param)
    if not inner or split[False]:
        yield Command(name, node.help or "", tuple(split[True]), tuple(split[False]))
    for key, child in inner.items():
        yield from _walk(child, f"{name} {key}")


def _command(command: Command) -> str:
    parts = [
        f"## {command.name}",
        f"```text\n{usage(command)}\n```",
        command.about.strip(),
        f"````{{program}} {command.name}\n````",
    ]
    if command.arguments:
        rows = (f"`{_argument(a)}`\n: {a.help or '–'}" for a in command.arguments)
        parts.append("\n\n".join(rows))
    parts += [_option(option) for option in command.options]
    return "\n\n".join(parts)


def _option(option: Any) -> str:
    kind = "" if option.is_flag else _kind(option)
    shown = ", ".join(f"{flag} {kind}".strip() for flag in flags(option))
    facts = [_default(option), _bounds(option), "May be given several times." * option.multiple]
    said = " ".join(fact for fact in (_sentence(option.help or ""), *facts) if fact)
    return f"````{{option}} {shown}\n{said}\n````"


def _argument(argument: Any) -> str:
    name = (argument.metavar or argument.name).strip("[]….").upper()
    name += "…" if argument.nargs == -1 else ""
    return name if argument.required else f"[{name}]"


def _kind(param: Any) -> str:
    if param.metavar:
        return str(param.metavar)
    annotation = param.type_descriptor.annotation
    inner = [a for a in typing.get_args(annotation) if a is not types.NoneType] or [annotation]
    if typing.get_origin(annotation) is typing.Literal:
        return "|".join(inner)
    return _KINDS.get(getattr(inner[0], "__name__", ""), "VALUE")


def _default(option: Any) -> str:
    if option.default is None or option.required:
        return "Required." if option.required else ""
    if option.is_flag:
        return f"On by default (`{option.opts[0]}`)." if option.default else ""
    return f"Default: `{option.default}`."


def _bounds(option: Any) -> str:
    if option.min is None and option.max is None:
        return ""
    if option.max is None:
        return f"At least {option.min:g}."
    return (
        f"At most {option.max:g}." if option.min is None else f"{option.min:g} to {option.max:g}."
    )


def _sentence(text: str) -> str:
    text = " ".join(text.split())
    return text if not text or text.endswith((".", "!", "?")) else f"{text}."
