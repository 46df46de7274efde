"""Coins that an import leaves out: everything that is wrong with them, told at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import pandas as pd

from fadefollow.core.text import plural
from fadefollow.errors import DataError
from fadefollow.market.audit.drift import PRICES
from fadefollow.market.audit.gate import Accepted
from fadefollow.market.audit.misread import misread
from fadefollow.market.audit.units import unit_changes
from fadefollow.market.bars import BASES
from fadefollow.market.findings import Finding
from fadefollow.market.streams import stream


@dataclass
class Failures:
    """What is wrong with the files of an import, coin by coin as it is met.

    Attributes:
        errors: by coin; of a file that is not known to be one coin's, under the empty name.
    """

    errors: dict[str, list[DataError]] = field(default_factory=dict)

    @contextmanager
    def of(self, coin: str | None) -> Iterator[None]:
        """Keep what is wrong with a coin's data, and go on."""
        try:
            yield
        except DataError as error:
            self.add(coin or "", error)

    def add(self, coin: str, *errors: DataError) -> None:
        """Keep errors of a coin."""
        if errors:
            self.errors.setdefault(coin, []).extend(errors)

    def refuse(self, coins: Iterable[str], *, strict: bool) -> None:
        """Raise all errors at once, if one is too many.

        Args:
            coins: that were read, with errors or without.
            strict: whether any error is one too many. It always is one that may be of every coin,
                and where no coin is left.

        Raises:
            DataError: the one error there is, or all of them.
        """
        if not self.errors or not (strict or "" in self.errors or set(coins) <= set(self.errors)):
            return
        every = [error for errors in self.errors.values() for error in errors]
        if len(every) == 1:
            raise every[0]
        hints = list(dict.fromkeys(error.hint for error in every if error.hint))
        bad = sorted(filter(None, self.errors))
        coins_too = f" in {plural(len(bad), 'coin')}" if bad else ""
        raise DataError(
            f"the files cannot be imported: {plural(len(every), 'error')}{coins_too}",
            hint=hints[0] if len(hints) == 1 else "",
            items=[told(error) for error in every],
        )

    def words(self) -> dict[str, tuple[str, ...]]:
        """By coin, in the order of their names, what is wrong with it."""
        return {coin: tuple(map(told, self.errors[coin])) for coin in sorted(self.errors)}


def told(error: DataError) -> str:
    """An error in one line, with file, row and column."""
    return f"{error.where}: {error.summary}" if error.where else error.summary


def misread_coins(
    tables: Mapping[str, Mapping[str, pd.DataFrame]],
    bar: pd.Timedelta,
    accept: Sequence[Accepted],
    origin: Mapping[tuple[str, str], str],
) -> dict[str, tuple[list[DataError], list[Finding]]]:
    """By coin the errors in what its tables say, and the findings of those that are accepted.

    Args:
        tables: canonical, by coin and stream; each coin has bars.
        bar: size of the bars.
        accept: what may pass.
        origin: the files of each table.
    """
    found = {}
    for coin, streams in tables.items():
        passed: list[Finding] = []
        errors: list[DataError] = []
        for finding in _misread(coin, streams, bar):
            if any(one.covers(finding) for one in accept):
                passed.append(finding)
            else:
                errors.append(_error(finding, origin[coin, finding.stream]))
        found[coin] = errors, passed
    return found


def _misread(coin: str, tables: Mapping[str, pd.DataFrame], bar: pd.Timedelta) -> Iterator[Finding]:
    """Errors of the audit that look at one coin's tables; of bars from its first one on."""
    base = next(name for name in BASES if name in tables)
    first = tables[base]["time"].iloc[0]
    bars = [name for name in tables if stream(name).kind == "bars"]
    shown = {n: t[t["time"] >= first] if n in bars else t for n, t in tables.items()}
    yield from misread(coin, shown, bar)
    for name, table in shown.items():
        beside = {n: shown[n] for n in bars if n != name and n in PRICES}
        yield from unit_changes(coin, table, stream(name), beside)


def _error(finding: Finding, files: str) -> DataError:
    return DataError(
        f"{finding.code}: {finding.text}",
        where=f"{files}, {finding.where}" if finding.where else files,
        hint=f"mend the file, or import it as it is with --accept {finding.symbol}:{finding.code}",
    )
