"""Options and habits that commands share."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from fadefollow.workspace import Workspace

DatasetOption = Annotated[
    str | None, typer.Option("--dataset", "-d", help="Data set (default: the workspace's).")
]
SymbolsOption = Annotated[str | None, typer.Option(help="Coins, comma-separated (default: all).")]
SinceOption = Annotated[str | None, typer.Option(help="First day or time (UTC).")]
UntilOption = Annotated[str | None, typer.Option(help="Last day or time (UTC); a day is included.")]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print JSON and nothing else on standard output.")
]


AcceptOption = Annotated[
    str | None,
    typer.Option(
        metavar="CODE,…",
        help="Audit findings to accept, as CODE or COIN:CODE; the report lists them.",
    ),
]
UniverseOption = Annotated[
    int | None,
    typer.Option(
        min=0,
        max=1_000_000,
        help="Trade only the N largest coins by volume, as known at each date; 0 for all "
        "(default: the data set's setting).",
    ),
]
RevisedOption = Annotated[
    bool,
    typer.Option(
        "--revised/--point-in-time",
        help="Use the last revision of every record (look-ahead, for comparison) or each "
        "record as it was first published (default).",
    ),
]
ClusterOption = Annotated[
    str | None,
    typer.Option(help="Dask scheduler, tcp://HOST:PORT (default: this machine)."),
]


def listed(text: str | None) -> tuple[str, ...] | None:
    """Names separated by commas.

    Raises:
        ParameterError: there is none.
    """
    if text is None:
        return None
    if not text.strip(" ,"):
        from fadefollow.errors import ParameterError

        raise ParameterError("a list must name at least one thing", got=repr(text))
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def note_misnamed(workspace: Workspace, folder: str) -> None:
    """Name, on standard error, the files that are left out for their names."""
    from fadefollow.cli.render.screen import say
    from fadefollow.workspace import NAME_RULE

    for path in workspace.misnamed(folder):
        say(f"note: {folder}/{path.name} is left out: {NAME_RULE}", err=True)


def command() -> str:
    """The command line as it may be shown and kept: without anybody's password."""
    import shlex

    from fadefollow.core.secrets import redact_argv

    return shlex.join(["fadefollow", *redact_argv(sys.argv[1:])])


def print_json(value: Any) -> None:
    """JSON alone on standard output."""
    typer.echo(json.dumps(value, indent=2, default=str, allow_nan=False))
