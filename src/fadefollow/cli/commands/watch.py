"""fadefollow watch: claims that are registered before the data, and what comes of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fadefollow.cli.options import JsonOption, SmallestOption, print_json, takes_data
from fadefollow.cli.rounds import takes_rounds

if TYPE_CHECKING:
    from fadefollow.jobs.notifying.rounds import LoopRequest
    from fadefollow.jobs.watching.update import Updated
    from fadefollow.market.datasets.request import DataRequest

app = typer.Typer(
    help="Watch claims on new data: registered before it, answered at any time.",
    no_args_is_help=True,
)
ClaimName = Annotated[
    str, typer.Argument(metavar="CLAIM", help="Name of the claim, or a part only it has.")
]
ClaimNames = Annotated[
    list[str] | None, typer.Argument(metavar="[CLAIM]…", help="Claims (default: all open ones).")
]


@app.command("add")
@takes_data("dataset", "symbols", "accept", "universe", "revised")
def add(
    strategy: Annotated[str, typer.Argument(help="Name of the strategy.")],
    *,
    data: DataRequest,
    phase: Annotated[
        str | None, typer.Option(help="Phase (default: the strategy's, if it has one only).")
    ] = None,
    stance: Annotated[
        str | None, typer.Option(help="fade or follow (default: what the strategy claims).")
    ] = None,
    book: Annotated[
        str | None,
        typer.Option(help="outright or hedged (default: hedged where trades can be)."),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(help="First day (UTC), after all stored data (default: the next day)."),
    ] = None,
    smallest_bps: SmallestOption = None,
    as_json: JsonOption = False,
) -> None:
    """Register a claim: this stance of this phase pays, from a day on that no stored data reach.

    Strategy, parameters, code, costs, universe, smallest edge and alpha are written into
    reports/runs/claims.jsonl; a line that is changed later is noticed.
    """
    from fadefollow.cli.render.console import progress
    from fadefollow.cli.render.watch import show_added
    from fadefollow.jobs.watching.add import ClaimRequest, add_claim
    from fadefollow.results.claims.lines import to_record
    from fadefollow.workspace import find_workspace

    request = ClaimRequest(
        strategy=strategy,
        data=data,
        phase=phase,
        stance=stance,
        book=book,
        start=start,
        smallest_bps=smallest_bps,
    )
    with progress(quiet=as_json) as step:
        claim = add_claim(find_workspace(), request, step=step)
    if as_json:
        print_json(to_record(claim))
    else:
        show_added(claim)


@app.command("list")
def list_(*, as_json: JsonOption = False) -> None:
    """List claims with their answers, as they are recorded."""
    from fadefollow.cli.render.watch import show_claims
    from fadefollow.jobs.watching.read import list_claims
    from fadefollow.workspace import find_workspace

    claims, head = list_claims(find_workspace())
    if as_json:
        print_json({"claims": [one.to_dict() for one in claims], "last_hash": head})
    else:
        show_claims(claims, head)


@app.command("show")
def show(claim: ClaimName, *, as_json: JsonOption = False) -> None:
    """Show a claim: what was registered, its answer after each block, and history's verdict."""
    from fadefollow.cli.render.watch import show_one
    from fadefollow.jobs.watching.read import show_claim
    from fadefollow.workspace import find_workspace

    found = show_claim(find_workspace(), claim)
    if as_json:
        print_json(found.to_dict())
    else:
        show_one(found)


@app.command("update")
@takes_rounds
def update(
    claims: ClaimNames = None,
    *,
    fetch: Annotated[
        bool, typer.Option("--fetch", help="First fetch what is new from the exchange.")
    ] = False,
    loop: LoopRequest | None,
    as_json: JsonOption = False,
) -> None:
    """Bring claims up to date: confirmed, refuted or open. Looking every day costs nothing.

    Rerun an interrupted command: it ends with the same file.

    reports/runs/watch.html shows the claims and their phases. With --every the command goes on, and
    tells of each phase that begins, each answer and each alarm by --notify.
    """
    import os

    from fadefollow.cli.render.console import progress
    from fadefollow.cli.render.fetch import fetch_progress
    from fadefollow.cli.render.watch import show_updated
    from fadefollow.cli.rounds import print_rounds
    from fadefollow.jobs.notifying.rounds import Look, rounds
    from fadefollow.jobs.notifying.sources import WATCH_OUTBOX, look_at_claims
    from fadefollow.workspace import find_workspace

    workspace, names = find_workspace(), tuple(claims or ())

    def look() -> tuple[Look, tuple[Updated, ...]]:
        with fetch_progress(quiet=as_json) if fetch else progress(quiet=as_json) as step:
            return look_at_claims(workspace, names, fetch=fetch, step=step)

    if loop is not None:
        path = workspace.runs / WATCH_OUTBOX
        print_rounds(rounds(lambda: look()[0], loop, path, environ=os.environ), as_json=as_json)
        return
    _, found = look()
    if as_json:
        print_json([one.to_dict() for one in found])
    else:
        show_updated(found)


@app.command("close")
def close(
    claim: ClaimName,
    *,
    why: Annotated[str, typer.Option(help="The reason, a sentence; it is kept.")],
    as_json: JsonOption = False,
) -> None:
    """Close a claim. It stays in the file, with its answer and the reason."""
    from fadefollow.cli.render.watch import show_closed
    from fadefollow.jobs.watching.read import close_claim
    from fadefollow.workspace import find_workspace

    closed = close_claim(find_workspace(), claim, why)
    if as_json:
        print_json(closed.to_dict())
    else:
        show_closed(closed)


@app.command("compare")
def compare(
    fills: Annotated[Path, typer.Argument(metavar="FILLS.csv", help="Fills of a live account.")],
    claims: ClaimNames = None,
    *,
    within_hours: Annotated[
        float, typer.Option(min=0.0, max=240.0, help="How far from its order a fill may be.")
    ] = 1.0,
    as_json: JsonOption = False,
) -> None:
    """Compare live fills with those that the backtest assumes: slippage, with an interval.

    The file has the columns symbol, action (enter, exit), side (buy, sell), time (UTC) and price;
    fee_bps and claim where they are known.
    """
    from fadefollow.cli.render.console import progress
    from fadefollow.cli.render.watch import show_compared
    from fadefollow.jobs.watching.fills import compare_fills
    from fadefollow.workspace import find_workspace

    with progress(quiet=as_json) as step:
        found = compare_fills(
            find_workspace(), fills, tuple(claims or ()), within_hours=within_hours, step=step
        )
    if as_json:
        print_json(found.to_dict())
    else:
        show_compared(found)
