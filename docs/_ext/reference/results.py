"""What a run leaves: the fields of result.json, the columns of trades.parquet, the glossary."""

from __future__ import annotations

from fadefollow.engine.exits import EXIT_REASONS
from fadefollow.engine.model import TRADE_COLUMNS
from fadefollow.reporting.text.glossary import TERMS
from fadefollow.results.record import PRIVATE
from fadefollow.verdict.model import PnlSplit, StanceResult, Verdict
from reference.fields import Entry, entries

#: top-level keys of result.json
TOP = {
    "schema": "version of this schema",
    "version": "of fadefollow",
    "command": "the command line that made it, without anybody's password",
    "dataset": "`name`, `fingerprint` (changes with any value of the data), `coverage` (by coin "
    "and stream: first, last, rows, missing) and the `audit`'s summary",
    "assumptions": "`alpha`, and by strategy the instrument, leverage, weight, capital and "
    "the costs of each coin as they were used",
    "verdicts": "one object a strategy × phase, see below",
    "notes": "what was clipped, left out or accepted: `code`, `about` (strategy, stance, signal, "
    "coin, stream), `figures`, and the `text` that words them; runs of earlier versions have "
    "`warnings`, plain sentences, instead",
    "seconds": "by part of the work",
    "spa": "whether the best book of the run beats its placebo; absent where none could be tested",
    "tuning": "of a tuning job: its settings, folds and winners",
}
#: columns of trades.parquet
TRADES = {
    "strategy": "its name",
    "symbol": "the coin",
    "phase": "that was traded",
    "stance": "`fade` or `follow`",
    "side": "+1 bought, −1 sold short",
    "signal_time": "open time of the bar at whose close the phase was known, UTC",
    "entry_time": "UTC",
    "entry_price": "the fill, slippage included",
    "exit_time": "UTC; an exit inside a bar counts at its bar's open time",
    "exit_price": "the fill, slippage included",
    "exit_reason": f"one of {', '.join(f'`{reason}`' for reason in EXIT_REASONS)}",
    "leg": "what was held: `perp`, a contract, `spot`",
    "trade_id": "the same for all legs of a trade",
    "size": "coins",
    "notional": "at the entry fill, quote currency",
    "fees": "cash paid, both ends",
    "slippage": "cash lost to it, both ends",
    "funding": "cash, + received",
    "pnl": "net cash of all of it",
    "return": "`pnl` / the trade's entry notional",
}


#: what the code's own comments do not say, as a name says it there
VERDICT = {
    "strategy": "its name",
    "signal": "its signal",
    "phase": "the phase that was traded",
    "split": "null: the verdict is on all trades",
    "symbols": "the coins that were looked at",
    "n_phases": "events that were found, all coins together",
    "fade": "a stance, see below, or null with its `reason`",
    "follow": "likewise",
    "verdict": "`fade`, `follow`, `neither` or `undecided`",
}
STANCE = {
    "momentum_ci_bps": "its block-bootstrap interval",
    "n_liquidated": "trades that lost their whole margin",
    "pnl": "where the money went, see below",
    "p_adjusted_error": "likewise, in the corrected p",
    "capacity_by_coin": "the same coin by coin: `symbol`, `quote`",
}
PNL = {"price": "by the price's move", "funding": "received less paid"}


def result_page() -> str:
    """The top of result.json as Markdown."""
    return _rows("key", TOP)


def verdict_page() -> str:
    """A verdict of result.json as Markdown."""
    found = [e for e in entries(Verdict) if e.name not in ("why", "planted_from")]
    return _fields(found, VERDICT)


def stance_page() -> str:
    """A stance of a verdict as Markdown."""
    return _fields([e for e in entries(StanceResult) if e.name not in PRIVATE], STANCE)


def pnl_page() -> str:
    """The split of a stance's P&L as Markdown."""
    about = " ".join((PnlSplit.__doc__ or "").split())
    return f"{about}\n\n{_fields(entries(PnlSplit), PNL)}"


def trades_page() -> str:
    """trades.parquet as Markdown.

    Raises:
        ValueError: the columns that are explained here are not those that there are.
    """
    if tuple(TRADES) != TRADE_COLUMNS:
        raise ValueError(f"explained: {tuple(TRADES)}, columns: {TRADE_COLUMNS}")
    return _rows("column", TRADES)


def glossary_page() -> str:
    """The report's terms as Markdown."""
    items = "\n\n".join(f"{name}\n  {about}" for name, about in TERMS.values())
    return f"````{{glossary}}\n{items}\n````"


def _fields(found: list[Entry], more: dict[str, str]) -> str:
    return _rows("field", {e.name: more.get(e.name) or e.about or e.kind for e in found})


def _rows(head: str, rows: dict[str, str]) -> str:
    body = "".join(f"\n| `{name}` | {about} |" for name, about in rows.items())
    return f"| {head} | meaning |\n|---|---|{body}"
