"""The gate: what the audit calls an error stops a run, unless it was accepted by name.

A finding's grade follows from what it does to a result:

- **error**: the values cannot mean what their stream says (impossible or doubled records, a unit
  that changed, prices of one coin that drift apart for a week, a feed that stopped for a day, a
  settlement that is there again on every bar). A run that uses the stream stops.
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
from fadefollow.errors import DataError, ParameterError
from fadefollow.market.audit.audit import Audit
from fadefollow.market.findings import Finding
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


def stopping(audit: Audit, uses: Mapping[str, Collection[str]]) -> tuple[Finding, ...]:
    """The findings of grade error about what is used; about a pair of streams, if both are.

    Args:
        audit: of the data.
        uses: by coin the streams that are used.
    """
    return tuple(
        f for f in audit.of("error") if set(f.stream.split("/")) <= set(uses.get(f.symbol, ()))
    )


def pass_gate(
    audit: Audit, uses: Mapping[str, Collection[str]], accept: Sequence[Accepted] = ()
) -> tuple[Note, ...]:
    """Let data pass, or stop.

    Args:
        audit: of the data.
        uses: by coin the streams that will be used.
        accept: what may pass.

    Returns:
        One note for each finding that was accepted, for the report.

    Raises:
        DataError: the first finding that is not accepted, how many more there are, and the option
            with which to go on.
    """
    found = stopping(audit, uses)
    refused = [f for f in found if not any(a.covers(f) for a in accept)]
    if refused:
        raise _refusal(audit.dataset, refused)
    return tuple(map(_note, found))


def _refusal(dataset: str, refused: Sequence[Finding]) -> DataError:
    first = min(refused, key=lambda f: f.where or "~")
    codes = sorted({f.code for f in refused})
    often = f"{first.count:,} records, the first at {first.where}" if first.where else "all records"
    more = f"; and {len(refused) - 1} more findings" if len(refused) > 1 else ""
    return DataError(
        f"data audit failed ({first.code}: {ERRORS.get(first.code, first.rule)})",
        got=f"{first.text} ({often}{more})",
        where=f"{dataset}, {first.symbol} {first.stream}",
        hint=f"look: fadefollow data audit {dataset}; mend the data, or go on with "
        f"--accept {','.join(codes)}",
    )


def _note(finding: Finding) -> Note:
    about = {"coin": finding.symbol, "stream": finding.stream}
    figures = {"finding": finding.code, "records": finding.count, "first": finding.where}
    return Note("accepted-finding", about, figures)
