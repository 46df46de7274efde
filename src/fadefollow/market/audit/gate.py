"""The gate: a coin that the audit finds an error in is left out, unless that was accepted by name.

A finding's grade follows from what it does to a result:

- **error**: the values cannot mean what their stream says (impossible or doubled records, a unit
  that changed, prices of one coin that drift apart for a week, a feed that stopped for a day, a
  settlement that is there again on every bar, a file that cannot be read). A coin of which a run
  uses the stream is left out of it, and of the baskets that hedge; the report names it. The run
  stops if no coin is left, or where it is to be strict.
- **warning**: real or mended, but it may move a result (holes, a stream that ends early, two days
  of dislocation, relabelled wallets, a throttled feed, wicks that liquidate as neither mark nor
  spot is known). It is told in the report.
- **note**: real and harmless, or only counted (other wicks, jumps, jitter, rows left out).

What is accepted stays in the data, and the report says so.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from fadefollow.core.notes import Note
from fadefollow.core.text import plural
from fadefollow.errors import DataError, ParameterError
from fadefollow.market.audit.audit import Audit
from fadefollow.market.findings import UNREADABLE, Finding
from fadefollow.market.names import nearest

#: the rules that are of grade error, by the code under which they are accepted
ERRORS: dict[str, str] = {
    "impossible-values": "a value outside its bounds, a high below its low",
    "duplicates": "a record twice",
    "unsorted": "a record that is older than the one before it",
    "off-the-grid": "bars that do not start on multiples of their size",
    "wrong-unit": "funding rates too large for fractions",
    "unit-change": "a level that shifts by a factor from one record to the next, for good",
    "prices-drift": "two prices of a coin that stay more than 2 % apart for 7 days on end",
    "stale-bars": "one price without range or volume for 24 hours on end",
    "repeated-funding": "one settlement repeated on every bar until the next",
    "far-from-the-bars": "records decades from the coin's bars",
    "gap-jump": "a price that comes back from missing bars as if in another unit",
}
#: what cannot be accepted, as there is nothing to go on with
HOPELESS: dict[str, str] = {
    UNREADABLE: "files of the store that are gone or damaged",
}
#: not a finding of the audit: whether a position is held over a hole only the run knows
FUNDING_HOLE = "funding-hole"


@dataclass(frozen=True)
class Accepted:
    """An accepted code, for one coin or for all."""

    code: str
    symbol: str = ""

    def covers(self, finding: Finding) -> bool:
        """Whether it lets this finding pass."""
        return finding.code == self.code and self.symbol in ("", finding.symbol)

    def __str__(self) -> str:
        return f"{self.symbol}:{self.code}" if self.symbol else self.code


def accepted(texts: Sequence[str], symbols: Collection[str] | None = None) -> tuple[Accepted, ...]:
    """The accepted codes from `--accept`: `CODE` or `COIN:CODE` each.

    Args:
        texts: as they were written.
        symbols: the coins there are; by default any.

    Raises:
        ParameterError: a code or coin that there is not, or a hole accepted for one coin only.
    """
    known = (*ERRORS, FUNDING_HOLE)
    found = []
    for text in texts:
        symbol, _, code = text.rpartition(":")
        if code not in known:
            raise ParameterError(
                "--accept takes codes of findings, as CODE or COIN:CODE",
                got=repr(text),
                hint=f"{nearest(code, known)}known: {', '.join(known)}",
            )
        if symbol and symbols is not None and symbol not in symbols:
            raise ParameterError(
                "--accept must name a coin of the data set",
                got=repr(text),
                hint=f"known: {', '.join(sorted(symbols))}",
            )
        if symbol and code == FUNDING_HOLE:
            raise ParameterError(
                f"{FUNDING_HOLE} is accepted for all coins or none",
                got=repr(text),
                hint=f"--accept {FUNDING_HOLE}",
            )
        found.append(Accepted(code, symbol))
    return tuple(dict.fromkeys(found))


@dataclass(frozen=True)
class Passed:
    """What the gate lets through.

    Attributes:
        left_out: by coin the findings for which it is left out, worst first.
        notes: one for each finding that was accepted.
    """

    left_out: Mapping[str, tuple[Finding, ...]]
    notes: tuple[Note, ...]


def stopping(audit: Audit, uses: Mapping[str, Collection[str]]) -> tuple[Finding, ...]:
    """The findings of grade error about what is used; about a pair of streams, if both are.

    Args:
        audit: of the data.
        uses: by coin the streams that are used; a coin that could not be read has none.
    """
    return tuple(
        f
        for f in audit.of("error")
        if f.code in HOPELESS or set(f.stream.split("/")) <= set(uses.get(f.symbol, ()))
    )


def pass_gate(
    audit: Audit,
    uses: Mapping[str, Collection[str]],
    accept: Sequence[Accepted] = (),
    *,
    strict: bool = False,
    may_be_none: bool = False,
) -> Passed:
    """Tell the coins that can be trusted from those that are left out.

    Args:
        audit: of the data.
        uses: by coin the streams that will be used.
        accept: what may pass.
        strict: whether a coin that is left out is one too many.
        may_be_none: whether the caller goes on where no coin is left.

    Raises:
        DataError: all findings that are not accepted, and the option with which to go on; where it
            is strict and a coin is left out, or no coin is left.
    """
    found = stopping(audit, uses)
    refused = [f for f in found if not any(a.covers(f) for a in accept)]
    left_out: dict[str, tuple[Finding, ...]] = {}
    for finding in refused:
        left_out[finding.symbol] = (*left_out.get(finding.symbol, ()), finding)
    if refused and (strict or (set(uses) <= set(left_out) and not may_be_none)):
        raise _refusal(audit.dataset, refused)
    notes = (_accepted(f) for f in found if f.symbol not in left_out)
    return Passed(left_out, tuple(notes))


def _refusal(dataset: str, refused: Sequence[Finding]) -> DataError:
    """The error that tells all findings of grade error at once, coin by coin."""
    codes = sorted({f.code for f in refused})
    coins = sorted({f.symbol for f in refused})
    takes = [code for code in codes if code in ERRORS]
    go_on = f", or go on with --accept {','.join(takes)}" if takes else ""
    return DataError(
        f"data audit failed: {plural(len(refused), 'finding')} in {plural(len(coins), 'coin')}",
        where=dataset,
        hint=f"look: fadefollow data audit {dataset}; mend the data{go_on}",
        items=[_line(f) for f in sorted(refused, key=lambda f: (f.symbol, f.where))],
    )


def _line(finding: Finding) -> str:
    often = f"{finding.count:,} records" if finding.where else "all records"
    first = f", the first at {finding.where}" if finding.where else ""
    return f"{finding.symbol} {finding.stream}, {finding.code}: {finding.text} ({often}{first})"


def left_out_note(finding: Finding) -> Note:
    """What a result says of a finding for which its coin was left out."""
    about, figures = _said(finding)
    return Note("coin-left-out", about, {**figures, "text": finding.text})


def _accepted(finding: Finding) -> Note:
    return Note("accepted-finding", *_said(finding))


def _said(finding: Finding) -> tuple[dict[str, str], dict[str, object]]:
    """What a finding is about, and its figures."""
    about = {"coin": finding.symbol, "stream": finding.stream}
    return about, {"finding": finding.code, "records": finding.count, "first": finding.where}
