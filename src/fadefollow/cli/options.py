"""Options and habits that commands share."""

from __future__ import annotations

import functools
import inspect
import json
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

if TYPE_CHECKING:
    from fadefollow.workspace import Workspace

DatasetOption = Annotated[
    str | None, typer.Option("--dataset", "-d", help="Data set (default: the workspace's).")
]
UntilOption = Annotated[str | None, typer.Option(help="Last day or time (UTC); a day is included.")]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print JSON and nothing else on standard output.")
]
ClusterOption = Annotated[
    str | None,
    typer.Option(help="Dask scheduler, tcp://HOST:PORT (default: this machine)."),
]
SmallestOption = Annotated[
    float | None,
    typer.Option(
        help="Smallest edge worth trading, bps; a stance that surely earns less is 'small' "
        "(default: the strategy's, else the workspace's)."
    ),
]
#: the options of a `DataRequest`, by name: what typer makes of each, and its default
DATA: dict[str, tuple[Any, Any]] = {
    "dataset": (DatasetOption, None),
    "symbols": (
        Annotated[str | None, typer.Option(help="Coins, comma-separated (default: all).")],
        None,
    ),
    "since": (Annotated[str | None, typer.Option(help="First day or time (UTC).")], None),
    "until": (UntilOption, None),
    "open_holdout": (
        Annotated[
            bool,
            typer.Option("--open-holdout", help="Include the holdout; opening it is recorded."),
        ],
        False,
    ),
    "accept": (
        Annotated[
            str | None,
            typer.Option(
                metavar="CODE,…",
                help="Audit findings to accept, as CODE or COIN:CODE; the report lists them.",
            ),
        ],
        None,
    ),
    "universe": (
        Annotated[
            str | None,
            typer.Option(
                metavar="RULE",
                help="Trade only coins that fit, as known at each date: 50 (the largest by "
                "volume), 20-100 (ranks), age=30-365 (days), perp_to_spot=3-, or several with "
                "commas; 0 for all (default: the data set's setting).",
            ),
        ],
        None,
    ),
    "revised": (
        Annotated[
            bool,
            typer.Option(
                "--revised/--point-in-time",
                help="Use the last revision of every record (look-ahead, for comparison) or each "
                "record as it was first published (default).",
            ),
        ],
        False,
    ),
    "strict": (
        Annotated[
            bool,
            typer.Option(
                "--strict",
                help="Stop at a coin with an audit error, or a trade over missing funding, instead "
                "of leaving it out.",
            ),
        ],
        False,
    ),
}
#: of these, lists of names
_LISTS = ("symbols", "accept")


def takes_data(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A decorator that gives a command options of data, and hands them over as one request.

    The command's parameter `data` is a `DataRequest`; on the command line the options are in its
    place.

    Args:
        names: of `DATA`; by default all.
    """

    def decorate(command_: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command_)
        def run(**given: Any) -> None:
            from fadefollow.market.datasets.request import DataRequest

            asked = {name: given.pop(name) for name in names or DATA}
            asked |= {name: listed(asked[name]) for name in _LISTS if name in asked}
            if (rule := asked.get("universe")) is not None and rule.isdecimal():
                asked["universe"] = int(rule)  # as earlier versions kept it
            data, _ = DataRequest.split(asked, command=command())
            command_(data=data, **given)

        run.__signature__, run.__annotations__ = _flat(command_, names or tuple(DATA))  # type: ignore[attr-defined]
        return run

    return decorate


def _flat(
    command_: Callable[..., None], names: Iterable[str]
) -> tuple[inspect.Signature, dict[str, Any]]:
    """A command's signature with options of data in the place of `data`, and its annotations."""
    kind = inspect.Parameter.KEYWORD_ONLY
    asked = [
        inspect.Parameter(name, kind, default=default, annotation=hint)
        for name, (hint, default) in ((name, DATA[name]) for name in names)
    ]
    # the request's own type is not imported here, which keeps --help quick
    hints = get_type_hints(command_, localns={"DataRequest": object}, include_extras=True)
    parameters = list[inspect.Parameter]()
    for own in inspect.signature(command_).parameters.values():
        flat = own.replace(kind=kind, annotation=hints[own.name])
        parameters += asked if own.name == "data" else [flat]
    return inspect.Signature(parameters), {one.name: one.annotation for one in parameters}


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


def check_names(workspace: Workspace, *, strategies: Iterable[str], dataset: str | None) -> None:
    """Refuse a name that there is not, before anything else is imported.

    Raises:
        UnknownNameError: the message has the nearest name.
    """
    for name in strategies:
        workspace.path("strategies", name)
    if dataset is not None:
        workspace.path("datasets", dataset)


def command() -> str:
    """The command line as it may be shown and kept: without anybody's password."""
    import shlex

    from fadefollow.core.secrets import redact_argv

    return shlex.join(["fadefollow", *redact_argv(sys.argv[1:])])


def print_json(value: Any) -> None:
    """JSON alone on standard output."""
    typer.echo(json.dumps(value, indent=2, default=str, allow_nan=False))
