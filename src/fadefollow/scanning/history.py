"""What history says of a phase: the verdict of the last stored run on it, and how far it speaks.

A run speaks for a strategy's phase if it judged that strategy. Of several the newest on the same
data set counts, else the newest on other real data. Simulated coins and real ones never speak for
each other. The out-of-sample run of a tuning job speaks for the strategy that it wrote, and for no
other; of a tuned strategy it comes before ordinary runs, which are in sample.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from fadefollow.core.notes import Note
from fadefollow.engine.model import BOOKS
from fadefollow.engine.strategy import WORDS, Strategy
from fadefollow.errors import ParameterError, StoreError
from fadefollow.market.datasets.dataset import Dataset
from fadefollow.phases import STANCES
from fadefollow.results.find import stored_runs
from fadefollow.results.read import as_store_error
from fadefollow.results.stored_run import StoredRun
from fadefollow.scanning.model import Standing, Tried
from fadefollow.scanning.needs import Bet
from fadefollow.workspace import Workspace
from fadefollow.workspace.trial_records import modules_of

#: so many settings that differ are named
_MOST = 3


def _read(folder: Path) -> StoredRun:
    """The run in a folder, of which what decides whether it speaks can be read."""
    run = StoredRun(folder)
    _ = run.dataset, run.fingerprint, run.range, run.tuned, run.rows
    return run


class History:
    """The stored runs of a workspace, asked about one strategy after the other.

    Args:
        workspace: whose runs they are.
        dataset: what is scanned.
        names: data sets whose runs come first: that of the scan, and of a live scan that of its
            venue.
        time: of the scan, UTC: what a run saw after it is hindsight.
        run: only this one may speak.

    Raises:
        StoreError: the run asked for cannot be read.
        ParameterError: it is simulated and the coins are not, or the other way round.
    """

    def __init__(
        self,
        workspace: Workspace,
        dataset: Dataset,
        names: Sequence[str],
        time: pd.Timestamp,
        run: Path | None = None,
    ) -> None:
        self.workspace, self.dataset, self.names, self.time = workspace, dataset, names, time
        self.skipped: list[Note] = []
        if run is None:
            self._runs = self._stored()
            return
        only = _read(run)
        _ = only.config  # of the run asked for nothing may be damaged
        if only.simulated != dataset.simulated:
            kinds = {True: "simulated", False: "real"}
            raise ParameterError(
                "a run on simulated coins says nothing of real ones, nor the reverse",
                got=f"a run on {kinds[only.simulated]} coins ({only.dataset}) for "
                f"{kinds[dataset.simulated]} ones ({dataset.name})",
                where="--history",
            )
        self._runs = (only,)

    def standing(self, bet: Bet, phase: str) -> Standing:
        """The verdict of the latest usable run on a strategy's phase."""
        strategy = bet[0]
        empty = Standing(strategy.name, phase, measure_on=self.names[-1])
        asked = [(run, name) for run in self._runs if (name := _speaks(run, strategy, phase))]
        asked.sort(key=lambda pair: self._rank(pair[0], strategy))
        for run, name in asked:
            try:
                fits = run.simulated == self.dataset.simulated
                if fits and (not run.simulated or run.dataset in self.names):
                    return self._told(empty, run, bet, run.rows[name, phase])
            except StoreError as error:
                self._skip(run.folder, error)
        return empty

    def _stored(self) -> tuple[StoredRun, ...]:
        found = []
        for folder in stored_runs(self.workspace.runs):
            try:
                found.append(_read(folder))
            except StoreError as error:
                self._skip(folder, error)
        return tuple(found)

    def _skip(self, folder: Path, error: StoreError) -> None:
        note = Note("run-unreadable", {}, {"run": folder.name, "error": str(error.got)})
        if note not in self.skipped:
            self.skipped.append(note)

    def _rank(self, run: StoredRun, strategy: Strategy) -> tuple[bool, bool]:
        """Of the newest first: the same data before others, out of sample before in sample."""
        return run.dataset not in self.names, strategy.tuned is not None and run.tuned is None

    def _told(self, empty: Standing, run: StoredRun, bet: Bet, row: Mapping[str, Any]) -> Standing:
        with as_store_error(run.folder):
            first, last = run.range
            return replace(
                empty,
                run=run.folder.name,
                report=run.page,
                dataset=run.dataset,
                symbols=tuple(map(str, row["symbols"])),
                first=first,
                last=last,
                claim=str(row["claim"]),
                fate=str(row["fate"]),
                book=str(row["fate_book"] or ""),
                fates={str(book): str(fate) for book, fate in row["fates"].items()},
                tried={
                    (stance, book): _tried(record)
                    for stance in STANCES
                    for book in BOOKS
                    if (record := row[stance][book]) is not None
                },
                settle=row["settle"],
                caveats=tuple(self._caveats(run, bet, claim=str(row["claim"]))),
            )

    def _caveats(self, run: StoredRun, bet: Bet, *, claim: str) -> list[str]:
        strategy, signal = bet
        said = []
        if claim != strategy.claim:
            said.append(f"of another claim: it was {claim}, is {strategy.claim}")
        if run.dataset not in self.names:
            said.append(f"of other data: {run.dataset}")
        elif run.simulated and run.fingerprint != self.dataset.fingerprint:
            said.append(f"of another simulation that was called {run.dataset}")
        if pd.Timestamp(run.range[1], tz="UTC") >= self.time:
            said.append(f"hindsight: it saw data until {run.range[1]}, after this scan's time")
        asked = run.config.get("run" if run.tuned is None else "tune", {})
        if asked.get("revised"):
            said.append("a look-ahead: it took records as they were revised later")
        name, chosen = strategy.name, frozenset[str]()
        if run.tuned is not None:
            said.append("out of sample: parameters chosen anew in each stretch")
            name, chosen = run.tuned[1], frozenset(strategy.search)
        elif strategy.tuned is not None:
            said.append(
                f"in sample until {strategy.tuned.until[:10]}: its parameters were chosen "
                f"on {strategy.tuned.dataset}"
            )
        then, now = _flat(run.config["strategies"].get(name, {})), _flat(_filled(bet))
        if "smallest_bps" in then:  # early runs knew none
            now.setdefault("smallest_bps", self.workspace.settings.smallest_bps)
        else:
            now.pop("smallest_bps", None)
        if run.dataset in self.names:
            settings = run.config["dataset"]["settings"]
            then |= _flat(settings.get("costs", {}), "dataset.costs.")
            now |= _flat(self.dataset.costs, "dataset.costs.")
        differ = _differences(then, now, besides=chosen)
        if differ:
            more = f" and {len(differ) - _MOST} more" if len(differ) > _MOST else ""
            said.append(f"of other settings: {', '.join(differ[:_MOST])}{more}")
        changed = [
            module.replace(".", "/") + ".py"
            for module, path in sorted(modules_of(signal).items())
            if run.config["signals"].get(module.removeprefix("signals."), {}).get("sha256")
            != hashlib.sha256(path.read_bytes()).hexdigest()
        ]
        if changed:
            verb = "was" if len(changed) == 1 else "were"
            said.append(f"of other code: {', '.join(changed)} {verb} changed since")
        return said


def _speaks(run: StoredRun, strategy: Strategy, phase: str) -> str:
    """The strategy name under which a run judged a phase; empty if it did not."""
    name = strategy.name
    if run.tuned is not None:
        made = strategy.tuned
        if made is None or run.tuned != (name, made.original):
            return ""
        if (run.dataset, run.fingerprint) != (made.dataset, made.fingerprint):
            return ""
        name = made.original
    return name if (name, phase) in run.rows else ""


def _tried(record: Mapping[str, Any]) -> Tried:
    band = record.get("band_bps") or (None, None)  # the first schema had the plain interval only
    low, high = record["ci_bps"] if band[0] is None else band
    placebo = record["placebo"] or {}
    return Tried(
        word=str(record["word"]),
        n_trades=int(record["n_trades"]),
        mean_net_bps=_number(record["mean_net_bps"]),
        ci_bps=(_number(low), _number(high)),
        p_adjusted=_number(placebo.get("p_adjusted")),
        detectable_bps=_number(record["detectable_bps"]),
    )


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _filled(bet: Bet) -> dict[str, Any]:
    """A strategy with all values, as a run's config.toml has it."""
    strategy, signal = bet
    made = strategy.model_dump(mode="json", exclude_none=True)
    return {**made, "params": signal.model_dump(mode="json", exclude_none=True)}


def _differences(
    was: Mapping[str, Any], now: Mapping[str, Any], *, besides: Collection[str]
) -> list[str]:
    """`trade.hold_hours was 48, is 72` for each setting that differs, by their flat names."""
    return [
        f"{key} was {was.get(key, 'not set')}, is {now.get(key, 'not set')}"
        for key in sorted({*was, *now} - set(besides))
        if was.get(key) != now.get(key)
    ]


def _flat(table: Mapping[str, Any], lead: str = "") -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, value in table.items():
        if not lead and key in WORDS and key != "smallest_bps":
            continue
        if isinstance(value, Mapping):
            made |= _flat(value, f"{lead}{key}.")
        elif value is not None:
            made[f"{lead}{key}"] = list(value) if isinstance(value, tuple) else value
    return made
