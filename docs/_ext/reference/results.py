"""What a run leaves: the fields of result.json, the columns of trades.parquet, the glossary."""

from __future__ import annotations

from fadefollow.engine.exits import EXIT_REASONS
from fadefollow.engine.model import TRADE_COLUMNS
from fadefollow.reporting.text.glossary import TERMS
from fadefollow.verdict.model import PnlSplit, StanceResult
from fadefollow.verdict.words import Reason, Settle
from reference.fields import Entry, entries

#: top-level keys of result.json
TOP = {
    "schema": "version of this schema",
    "version": "of fadefollow",
    "command": "the command line that made it, without anybody's password",
    "dataset": "`name`, `fingerprint` (changes with any value of the data), `coverage` (by coin "
    "and stream: first, last, rows, missing), `left_out` (by coin that could not be trusted the "
    "audit's findings) and the `audit`'s summary of the others",
    "assumptions": "`alpha`, `smallest_bps`, and by strategy the instrument, leverage, weight, "
    "capital and the costs of each coin as they were used",
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
    "book": "`outright` or `hedged`; a hedged trade has a row of its own",
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
    "hedge": "net cash of the hedge leg, its costs included; 0 in the outright book",
    "beta": "of the coin on the basket at entry; null in the outright book",
    "pnl": "net cash of all of it",
    "return": "`pnl` / the trade's entry notional",
}


#: a verdict of result.json
VERDICT = {
    "strategy": "its name",
    "signal": "its signal",
    "phase": "the phase that was traded",
    "claim": "what its account says pays: `fade`, `follow` or `disputed`",
    "split": "null: the verdict is on all trades",
    "symbols": "the coins that were looked at",
    "n_phases": "events that were found, all coins together",
    "blocks": "effective number of independent blocks, of the stance and book with the fewest",
    "block_days": "how many days each is long",
    "fate": "of the claim: `supported`, `refuted`, `open` or `untestable`; of a disputed one "
    "`fade`, `follow`, `neither`, `open` or `untestable`",
    "fate_book": "the book that speaks: `outright` or `hedged`",
    "fates": "the fate in each book that was traded",
    "reason": "why it is so, see below",
    "settle": "what would settle it, see below; null where it is decided",
    "fade": "`outright` and `hedged`: a stance in a book, see below, or null; then `reason` has "
    "by book a sentence in `reason`, its `code` and the `streams` that are missing",
    "follow": "likewise",
    "difference_ci_bps": "interval of follow − fade, by book",
    "planted_bps": "on the lab: what was planted, in the lean's direction",
    "horizon_hours": "on the lab: over which it acts",
    "planted_from": "`label` or `simulation`: how that is known",
}
#: what the code's own comments do not say, as a name says it there
STANCE = {
    "word": "`pays`, `loses`, `small`, `open` or `untestable`",
    "reason": "why the word is so, as in a verdict",
    "momentum_ci_bps": "its block-bootstrap interval",
    "n_liquidated": "trades that lost their whole margin",
    "pnl": "where the money went, see below",
    "parts_bps": "the same of the mean, bps a trade",
    "placebo": "how its placebo was made, see below; null where there is none",
    "capacity_by_coin": "the same coin by coin: `symbol`, `quote`",
}
#: fields of a stance that the record keeps below `placebo`
INSIDE = (
    "placebo_mean_bps",
    "p_placebo",
    "p_adjusted",
    "p_placebo_error",
    "p_adjusted_error",
)
PLACEBO = {
    "kind": "`time`: events shifted; `coins`: given to other coins",
    "questions": "over how many `p_adjusted` is corrected",
    "reach_days": "median distance of a shifted event from its own time; null for coins",
    "kept": "share of the events that could be moved",
    "mean_bps": "mean over its draws",
    "p": "share of draws whose statistic is as large",
    "p_adjusted": "corrected for all questions that are asked together",
    "p_error": "standard error that the number of draws leaves in `p`",
    "p_adjusted_error": "likewise, in the corrected p",
}
REASON = {
    "code": "`decided`, `conditions` (those that fail), `few_blocks`, `never_seen`, `no_trades`, "
    "`missing_streams`, `not_tradable`, `no_hedge` or `no_data`",
    "conditions": "that fail: `blocks`, `mean`, `placebo`, `momentum`",
    "streams": "that are missing",
    "blocks": "that there are",
}
SETTLE = {
    "book": "and its book",
    "blocks": "that there are",
    "blocks_needed": "that may decide",
    "block_days": "how many days each is long",
    "detectable_bps": "smallest edge that the rule finds with 80 % power",
}
PNL = {"price": "by the price's move", "funding": "received less paid"}


def result_page() -> str:
    """The top of result.json as Markdown."""
    return _rows("key", TOP)


def verdict_page() -> str:
    """A verdict of result.json as Markdown."""
    return _rows("field", VERDICT)


def stance_page() -> str:
    """A stance in a book as Markdown."""
    found = [e for e in entries(StanceResult) if e.name not in INSIDE]
    return _fields(found, STANCE)


def placebo_page() -> str:
    """How a placebo was made, as Markdown."""
    return _rows("field", PLACEBO)


def reason_page() -> str:
    """Why something is as it is, as Markdown."""
    return _fields(entries(Reason), REASON)


def settle_page() -> str:
    """What would settle a row, as Markdown."""
    return _fields(entries(Settle), SETTLE)


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
