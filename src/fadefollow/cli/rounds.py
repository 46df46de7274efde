"""Options of commands that go on round after round, and what they print."""

from __future__ import annotations

import functools
import inspect
import json
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from fadefollow.cli.options import listed

if TYPE_CHECKING:
    from fadefollow.jobs.notifying.rounds import LoopRequest, Round

STOPPED = "stopped; what is due is kept, and the same command goes on"
#: the options of a `LoopRequest`, by name: what typer makes of each, and its default
ROUNDS: dict[str, tuple[Any, Any]] = {
    "every": (
        Annotated[
            str | None,
            typer.Option(
                metavar="SIZE", help="Go on: look every 15min, 1h or 1d, say; it divides a day."
            ),
        ],
        None,
    ),
    "notify": (
        Annotated[
            list[str] | None,
            typer.Option(
                metavar="CHANNEL",
                help="With --every, where messages go: https://…, webhook:, telegram:, "
                "command:PROGRAM or desktop:; may be given several times.",
            ),
        ],
        None,
    ),
    "quiet": (
        Annotated[
            str | None,
            typer.Option(
                metavar="HOURS",
                help="Hours in which messages wait: 22:00-07:00 (UTC), or "
                "'22:00-07:00 Europe/Berlin'.",
            ),
        ],
        None,
    ),
    "only_phases": (
        Annotated[str | None, typer.Option(help="Messages of these phases, comma-separated.")],
        None,
    ),
    "only_coins": (
        Annotated[str | None, typer.Option(help="Messages of these coins, comma-separated.")],
        None,
    ),
    "only_fates": (
        Annotated[
            str | None,
            typer.Option(
                help="Messages of phases with these fates: supported, refuted, open, unmeasured, …"
            ),
        ],
        None,
    ),
}


def takes_rounds(command_: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of rounds, and hand them over as one request.

    The command's parameter `loop` is a `LoopRequest`, or None without --every.
    """

    @functools.wraps(command_)
    def run(**given: Any) -> None:
        asked = {name: given.pop(name) for name in ROUNDS}
        command_(loop=_request(asked), **given)

    kind = inspect.Parameter.KEYWORD_ONLY
    added = [
        inspect.Parameter(name, kind, default=default, annotation=hint)
        for name, (hint, default) in ROUNDS.items()
    ]
    # the requests' own types are not imported here, which keeps --help quick
    names = {"DataRequest": object, "LoopRequest": object}
    hints = get_type_hints(command_, localns=names, include_extras=True)
    parameters = list[inspect.Parameter]()
    for own in inspect.signature(command_).parameters.values():
        flat = own.replace(kind=kind, annotation=hints[own.name])
        parameters += added if own.name == "loop" else [flat]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in parameters}
    return run


def _request(asked: dict[str, Any]) -> LoopRequest | None:
    from fadefollow.errors import ParameterError
    from fadefollow.jobs.notifying.rounds import LoopRequest
    from fadefollow.market.bars import bar_size

    if asked["every"] is None:
        for name, value in asked.items():
            if value:
                rule = f"--{name.replace('_', '-')} needs --every"
                raise ParameterError(rule, got="none", hint="--every 1h")
        return None
    try:
        every = bar_size(asked["every"])
    except ParameterError as error:
        rule = "--every must divide a day"
        raise ParameterError(rule, got=error.got, hint=error.hint) from None
    return LoopRequest(
        every=every,
        notify=tuple(asked["notify"] or ()),
        quiet=asked["quiet"],
        phases=listed(asked["only_phases"]) or (),
        coins=listed(asked["only_coins"]) or (),
        fates=listed(asked["only_fates"]) or (),
    )


def print_rounds(made: Iterator[Round], *, as_json: bool, opens: bool = False) -> None:
    """Print each round as it ends: a line of JSON, or a few lines of text.

    Args:
        made: the rounds.
        as_json: which of both.
        opens: open the page of the first round in the browser.
    """
    from fadefollow.cli.render.screen import say

    with _said_at_the_end():
        for one in made:
            if opens and one.look is not None and one.look.page is not None:
                webbrowser.open(one.look.page.resolve().as_uri())
                opens = False
            if as_json:
                typer.echo(json.dumps(one.to_dict(), allow_nan=False))
                continue
            for line in _lines(one):
                say(line)


@contextmanager
def _said_at_the_end() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        typer.echo(STOPPED, err=True)
        raise


def _lines(one: Round) -> list[str]:
    stamp = f"{one.time:%Y-%m-%d %H:%M:%S} UTC"
    found = () if one.look is None else one.look.lines
    lines = [f"{stamp}  {line}" for line in found]
    lines += [f"new: {title}" for title in one.news]
    lines += [f"missed: {text}" for text in one.missed]
    if one.sent or one.waiting:
        lines.append(f"{stamp}  {one.sent} sent, {one.waiting} waiting")
    return [*lines, f"next look at {one.next:%Y-%m-%d %H:%M:%S} UTC"]
