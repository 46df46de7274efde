"""A verdict as result.json holds it, and back; also from the first schema."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, asdict, fields
from typing import Any

from fadefollow.engine.model import BOOKS, BookName
from fadefollow.phases import STANCES, Stance
from fadefollow.verdict.exploratory import CoinCapacity
from fadefollow.verdict.model import (
    NOWHERE,
    Interval,
    NotTraded,
    PlaceboInfo,
    PnlSplit,
    StanceResult,
    Verdict,
)
from fadefollow.verdict.words import (
    Claim,
    Fates,
    Reason,
    ReasonCode,
    Settle,
    Word,
    fate_in_book,
    fate_of,
)

#: fields of a stance in a book that stand under `placebo` in the record: name there → field
_PLACEBO = {
    "mean_bps": "placebo_mean_bps",
    "p": "p_placebo",
    "p_adjusted": "p_adjusted",
    "p_error": "p_placebo_error",
    "p_adjusted_error": "p_adjusted_error",
}
#: of the first schema: what a word or a fate that decides nothing rests on
_CODES: Mapping[str, ReasonCode] = {"open": "conditions", "untestable": "few_blocks"}
_PAIRS = (
    "ci_bps",
    "band_bps",
    "momentum_ci_bps",
    "price_ci_bps",
    "funding_ci_bps",
    "shrunken_ci_bps",
)


def verdict_record(verdict: Verdict) -> dict[str, Any]:
    """The record of one verdict; NaN stays NaN."""
    record: dict[str, Any] = {
        "strategy": verdict.strategy,
        "signal": verdict.signal,
        "phase": verdict.phase,
        "claim": verdict.claim,
        "split": verdict.split,
        "symbols": verdict.symbols,
        "n_phases": verdict.n_phases,
        "blocks": _blocks(verdict)[0],
        "block_days": _blocks(verdict)[1],
        "fate": verdict.fate,
        "fate_book": verdict.fates.book,
        "fates": dict(verdict.fates.by_book),
        "reason": asdict(verdict.reason),
        "settle": None if verdict.settle is None else asdict(verdict.settle),
    }
    for stance in STANCES:
        results = {book: verdict.result(stance, book) for book in BOOKS}
        record[stance] = {
            book: None if isinstance(one, NotTraded) else _book(one)
            for book, one in results.items()
        }
        reasons = {b: asdict(one) for b, one in results.items() if isinstance(one, NotTraded)}
        if reasons:
            record[stance]["reason"] = reasons
    record["difference_ci_bps"] = {
        "outright": verdict.difference_ci_bps,
        "hedged": verdict.hedged_difference_ci_bps,
    }
    if verdict.planted_bps is not None:
        record["planted_bps"] = verdict.planted_bps
        record["horizon_hours"] = verdict.horizon_hours
        record["planted_from"] = verdict.planted_from
    return record


def verdict_from(record: Mapping[str, Any]) -> Verdict:
    """The verdict of a record of the present schema.

    Raises:
        KeyError, TypeError, ValueError: it is not as it was written.
    """
    claim: Claim = record["claim"]
    results = {(s, b): _result(record[s], b) for s in STANCES for b in BOOKS}
    apart = record["difference_ci_bps"]
    return Verdict(
        strategy=record["strategy"],
        signal=record["signal"],
        phase=record["phase"],
        split=record["split"],
        symbols=tuple(record["symbols"]),
        n_phases=record["n_phases"],
        fade=results["fade", "outright"],
        follow=results["follow", "outright"],
        difference_ci_bps=_interval(apart["outright"]),
        claim=claim,
        fates=Fates(claim, record["fate"], record["fate_book"], dict(record["fates"])),
        reason=_reason(record["reason"]),
        settle=None if record["settle"] is None else _settle(record["settle"]),
        hedged={stance: results[stance, "hedged"] for stance in STANCES},
        hedged_difference_ci_bps=_interval(apart["hedged"]),
        planted_bps=record.get("planted_bps"),
        horizon_hours=record.get("horizon_hours"),
        planted_from=record.get("planted_from"),
    )


def upgraded(
    public: Mapping[str, Any], private: Mapping[str, Any], *, claim: str
) -> dict[str, Any]:
    """A verdict of the first schema in the form of the present one.

    It had the outright book only, and one word a row: a stance that it said pays has paid, of
    "neither" both lost, and what was undecided is open, or untestable where it had no corrected p.

    Args:
        public, private: its records in result.json and report.json.
        claim: of its strategy.
    """
    word = public["verdict"]
    stances: dict[Stance, Any] = {}
    for stance in STANCES:
        old = public[stance]
        none = {"reason": "measured outright only", "code": "no_hedge", "streams": []}
        if old is None:
            reason = {"reason": public["reason"][stance], "code": "not_tradable", "streams": []}
            stances[stance] = {
                "outright": None,
                "hedged": None,
                "reason": {"outright": reason, "hedged": none},
            }
            continue
        known = {**old, **(private.get(stance) or {})}
        tested = old.get("p_adjusted") is not None
        known["word"] = (
            "pays"
            if word == stance
            else "loses"
            if word == "neither"
            else "open"
            if tested
            else "untestable"
        )
        known["reason"] = asdict(Reason(_CODES.get(known["word"], "decided")))
        known["placebo"] = {name: old.get(field) for name, field in _PLACEBO.items()} | {
            "kind": "time",
            "questions": 0,
        }
        known["detectable_bps"] = public["detectable_bps"]
        stances[stance] = {"outright": known, "hedged": None, "reason": {"hedged": none}}
    words: dict[Stance, Word] = {
        s: v["outright"]["word"] for s, v in stances.items() if v["outright"] is not None
    }
    claim_: Claim = claim if claim in ("fade", "follow") else "disputed"  # type: ignore[assignment]
    by_book: dict[BookName, Any] = {"outright": fate_in_book(claim_, words)}
    fate, book = fate_of(claim_, by_book)
    why = str(private.get("why", "")).removeprefix("undecided: ")
    least = public["detectable_bps"]
    return {
        **{k: public[k] for k in ("strategy", "signal", "phase", "split", "symbols", "n_phases")},
        "claim": claim_,
        "fate": fate,
        "fate_book": book,
        "fates": by_book,
        "reason": asdict(Reason(_CODES.get(fate, "decided"), detail=why)),
        "settle": asdict(Settle(detectable_bps=least))
        if fate == "open" and least is not None
        else None,
        **{str(stance): one for stance, one in stances.items()},
        "difference_ci_bps": {"outright": public["difference_ci_bps"], "hedged": [None, None]},
        "planted_bps": public.get("planted_bps"),
        "horizon_hours": public.get("horizon_hours"),
        "planted_from": private.get("planted_from"),
    }


def _blocks(verdict: Verdict) -> tuple[float, float]:
    """Of the stance and book with the fewest."""
    known = [(one.blocks, one.block_days) for one in verdict.results.values()]
    return min(known, default=(math.nan, math.nan))


def _book(one: StanceResult) -> dict[str, Any]:
    record = asdict(one)
    info = record.pop("placebo")
    values = {name: record.pop(field) for name, field in _PLACEBO.items()}
    record["placebo"] = None if info is None else {**info, **values}
    return record


def _result(record: Mapping[str, Any], book: BookName) -> StanceResult | NotTraded:
    one = record[book]
    if one is None:
        why = record["reason"][book]
        return NotTraded(why["reason"], why["code"], tuple(why["streams"]))
    placebo = one["placebo"] or {}
    flat = {**one, **{field: placebo.get(name) for name, field in _PLACEBO.items()}}
    values: dict[str, Any] = {}
    for field in fields(StanceResult):
        if field.name in flat:
            values[field.name] = _value(field.name, flat[field.name])
        elif field.default is MISSING and field.default_factory is MISSING:
            raise KeyError(field.name)
    values["placebo"] = (
        None
        if one["placebo"] is None
        else PlaceboInfo(
            placebo["kind"],
            placebo["questions"],
            _number(placebo.get("reach_days")),
            _number(placebo.get("kept", 1.0)),
        )
    )
    return StanceResult(**values)


def _value(name: str, value: Any) -> Any:
    if name == "word" or name.startswith("n_"):
        return value
    if name == "placebo":
        return None
    if name == "reason":
        return _reason(value)
    if name in _PAIRS:
        return NOWHERE if value is None else _interval(value)
    if name == "capacity_by_coin":
        return tuple(CoinCapacity(coin["symbol"], _number(coin["quote"])) for coin in value)
    if name in ("pnl", "parts_bps"):
        return PnlSplit(**{part: _number(x) for part, x in value.items()})
    return _number(value)


def _reason(record: Mapping[str, Any]) -> Reason:
    return Reason(
        record["code"],
        tuple(record["conditions"]),
        tuple(record["streams"]),
        _number(record["blocks"]),
        _number(record["needed"]),
        record["detail"],
    )


def _settle(record: Mapping[str, Any]) -> Settle:
    names = (
        "blocks",
        "blocks_needed",
        "block_days",
        "detectable_bps",
        "multiple",
        "years",
        "coins",
    )
    stance: Stance | None = record["stance"]
    return Settle(
        conditions=tuple(record["conditions"]),
        stance=stance,
        book=record["book"],
        streams=tuple(record["streams"]),
        **{name: _number(record[name]) for name in names},
    )


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _interval(pair: list[float | None]) -> Interval:
    low, high = pair
    return _number(low), _number(high)
