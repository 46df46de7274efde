"""fadefollow export: what other programs take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fadefollow.cli.commands.watch import ClaimNames
from fadefollow.cli.options import JsonOption, print_json

app = typer.Typer(help="Write what other programs take.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Write what other programs take."""


@app.command("signals")
def signals(
    claims: ClaimNames = None,
    *,
    to: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Where to write; files there are replaced.")
    ] = Path("signals-out"),
    quote: Annotated[str, typer.Option(help="Quote currency of freqtrade's pairs.")] = "USDT",
    as_json: JsonOption = False,
) -> None:
    """Write entries and exits of watched claims as they become known, with assumed fills.

    signals.csv and signals.json hold all; freqtrade/CLAIM.csv is by freqtrade's conventions.
    """
    from fadefollow.cli.render.console import progress
    from fadefollow.cli.render.watch import show_exported
    from fadefollow.jobs.watching.export import export_signals
    from fadefollow.workspace import find_workspace

    with progress(quiet=as_json) as step:
        found = export_signals(find_workspace(), to, tuple(claims or ()), quote=quote, step=step)
    if as_json:
        print_json(found.to_dict())
    else:
        show_exported(found)
