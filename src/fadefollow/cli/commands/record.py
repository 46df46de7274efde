"""fadefollow data record: what venues say of now and never of the past, at a rhythm."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from fadefollow.cli.options import JsonOption, listed, print_json

if TYPE_CHECKING:
    import pandas as pd

    from fadefollow.market.recording import Round

STOPPED = "stopped; each round before is stored whole, and the same command goes on"


def data_record(
    name: Annotated[
        str,
        typer.Argument(help="Venue (binance, bybit, okx, deribit, …) or a data set of one."),
    ],
    coins: Annotated[list[str], typer.Argument(help="Coins, such as BTC ETH.")],
    every: Annotated[
        str, typer.Option(help="From round to round, such as 5min, 1h or 1d; it divides a day.")
    ] = "1h",
    once: Annotated[bool, typer.Option("--once", help="Take one round, now, and end.")] = False,
    streams: Annotated[
        str | None,
        typer.Option(
            help="Streams, comma-separated: options, contract, funding_terms, brackets "
            "(default: all that the venue gives)."
        ),
    ] = None,
    bar: Annotated[
        str | None, typer.Option(help="Bar size of the data set (default: its own, else 1h).")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Record what has no past: option chains, contracts, funding terms, maintenance brackets.

    Each round is stored whole or not at all. Stop at any time; rerun to go on. With --json each
    round is one line.
    """
    from fadefollow.cli.render.screen import say
    from fadefollow.market.fetch import fetch_spec
    from fadefollow.market.recording import RecordRequest, record_job
    from fadefollow.workspace import find_workspace

    rhythm = None if once else _rhythm(every)
    workspace = find_workspace()
    dataset, spec = fetch_spec(workspace.root / "datasets", name, bar)
    request = RecordRequest(tuple(coins), listed(streams) or (), rhythm)

    def tell(text: str) -> None:
        if not as_json:
            say(text, err=True)

    try:
        for made in record_job(spec, dataset, request, workspace.store, say=tell):
            if as_json and once:
                print_json(made.to_dict())
            elif as_json:
                typer.echo(json.dumps(made.to_dict(), allow_nan=False))
            else:
                for line in _lines(made):
                    say(line)
    except KeyboardInterrupt:
        typer.echo(STOPPED, err=True)
        raise


def _rhythm(text: str) -> pd.Timedelta:
    from fadefollow.errors import ParameterError
    from fadefollow.market.bars import bar_size

    try:
        return bar_size(text)
    except ParameterError as error:
        rule = "--every must divide a day"
        raise ParameterError(rule, got=error.got, hint=error.hint) from None


def _lines(made: Round) -> list[str]:
    """What was taken, a line a coin, and what was not."""
    lines = []
    if made.taken is not None:
        coins = dict.fromkeys([*made.records, *made.unchanged])
        for coin in coins:
            parts = [f"{name} {rows:,}" for name, rows in made.records.get(coin, {}).items()]
            parts += [f"{name} unchanged" for name in made.unchanged.get(coin, ())]
            lines.append(f"{made.taken:%Y-%m-%d %H:%M:%S} UTC  {coin}: {', '.join(parts)}")
    return [*lines, *(f"missed: {text}" for text in made.missed)]
