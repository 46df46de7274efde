"""Detection quality: recall, precision and delay on the lab's truth."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from fadefollow.core.parallel import make_pool, result_or_raise
from fadefollow.errors import ParameterError
from fadefollow.market.lab import simulate
from fadefollow.market.panel import FloatArray, Market
from fadefollow.phases import Signal, detect_checked
from fadefollow.verdict.calibration.promises import Promise, at_least
from fadefollow.verdict.calibration.proportions import Share, plain

#: seeds from here on are for measuring; defaults were chosen on smaller ones
FIRST_SEED = 1000
#: recall and precision that each phase should have
PROMISED = 0.8
NOTHING = Share.exact([])


@dataclass(frozen=True)
class Detection:
    """How well one phase is found."""

    signal: str
    phase: str
    episodes: int  #: in the truth
    events: int  #: detected
    recall: float  #: share of episodes with an event; NaN without episodes
    precision: float  #: share of events within an episode; NaN without events
    delay_hours: float  #: median from an episode's start to its first event, known at a bar's close
    recalled: Share = NOTHING  #: the recall with its interval over markets
    precise: Share = NOTHING  #: likewise the precision

    @property
    def promises(self) -> tuple[Promise, Promise]:
        """Recall and precision of at least 0.8: kept, broken, or not yet shown."""
        return (
            at_least("episodes found", self.recalled, PROMISED),
            at_least("events that are right", self.precise, PROMISED),
        )

    def to_dict(self) -> dict[str, Any]:
        """For JSON: shares with their `value`, NaN as None."""
        said = asdict(self) | {"promises": [promise.to_dict() for promise in self.promises]}
        return plain(said)  # type: ignore[no-any-return]


def measure_detection(
    signals: Sequence[Signal],
    *,
    seeds: Sequence[int],
    lab: Mapping[str, Any],
    bar: pd.Timedelta,
    slack_hours: float = 12.0,
    jobs: int = -1,
    cluster: str | None = None,
    step: Callable[[str, float | None], None],
) -> tuple[Detection, ...]:
    """Precision, recall and delay of every phase of `signals` on simulated markets.

    An event is right if it became known between `slack_hours` before an episode of its phase
    starts and `slack_hours` after it ends; an episode is found if an event is right about it.

    Signals whose windows do not fit the bars are left out.

    Args:
        signals: with the parameters to be tried.
        seeds: one market each.
        lab: settings of the lab but the seed, see `fadefollow.market.lab`.
        bar: size of the bars.
        slack_hours: what counts as in time.
        jobs: markets at work at the same time, see `fadefollow.core.parallel.make_pool`.
        cluster: address of a Dask scheduler; by default this machine.
        step: told how far it is.

    Raises:
        WorkerPoolError: the workers are lost.
    """
    made: dict[int, dict[tuple[str, str], pd.DataFrame]] = {}
    with make_pool(jobs, cluster) as pool:
        shared = pool.share((tuple(signals), dict(lab), bar, slack_hours))
        for number, found in pool.stream(_one, seeds, shared):
            made[number] = result_or_raise(found)
            step("detecting in simulated markets", len(made) / len(seeds))
    counts: dict[tuple[str, str], list[pd.DataFrame]] = {}
    for number in range(len(seeds)):
        for key, rows in made[number].items():
            counts.setdefault(key, []).append(rows)
    return tuple(_summary(*key, rows) for key, rows in counts.items())


_Asked = tuple[tuple[Signal, ...], dict[str, Any], pd.Timedelta, float]


def _one(asked: _Asked, seed: int) -> dict[tuple[str, str], pd.DataFrame]:
    """Per signal and phase a row an event or episode: `kind`, `hit`, `delay_hours`."""
    signals, lab, bar, slack_hours = asked
    made = simulate({**lab, "seed": seed}, bar=bar)
    markets = [Market(symbol, bar=bar, tables=tables) for symbol, tables in made.tables.items()]
    out = {}
    for signal in signals:
        try:
            tables = [detect_checked(signal, market).table for market in markets]
        except ParameterError:
            continue  # its windows do not fit bars of this size
        events = pd.concat([t for t in tables if len(t)] or tables[:1], ignore_index=True)
        for phase in signal.phases:
            rows = []
            for market in markets:
                known = events[(events["phase"] == phase) & (events["symbol"] == market.symbol)]
                truth = made.truth[
                    (made.truth["phase"] == phase) & (made.truth["symbol"] == market.symbol)
                ]
                rows.append(match(known["time"] + bar, truth, slack_hours=slack_hours))
            out[signal.name(), phase] = pd.concat(rows, ignore_index=True)
    return out


def match(known: pd.Series, truth: pd.DataFrame, *, slack_hours: float) -> pd.DataFrame:
    """Events of one phase and coin against its episodes.

    Args:
        known: when the events became known, UTC.
        truth: episodes with `start` and `end`, UTC.
        slack_hours: tolerance at either end.

    Returns:
        One row an event or episode: `kind` ("event" or "episode"), `hit`, and for episodes that
        were found `delay_hours` of the first event about them.
    """
    at, start, end = (_hours(times) for times in (known, truth["start"], truth["end"]))
    late = at[:, None] - start[None, :]
    inside = (late >= -slack_hours) & (at[:, None] <= end[None, :] + slack_hours)
    delay = np.where(inside, late, np.inf).min(axis=0, initial=np.inf)
    found = inside.any(axis=0)
    return pd.DataFrame(
        {
            "kind": ["event"] * len(known) + ["episode"] * len(truth),
            "hit": np.concatenate([inside.any(axis=1), found]),
            "delay_hours": np.concatenate(
                [np.full(len(known), np.nan), np.where(found, delay, np.nan)]
            ),
        }
    )


def _hours(times: pd.Series) -> FloatArray:
    """UTC times as hours since 1970, shape (k,)."""
    stamps = pd.DatetimeIndex(times).tz_convert(None).to_numpy("datetime64[ns]")
    return stamps.astype(np.int64) / 3.6e12


def _summary(signal: str, phase: str, markets: Sequence[pd.DataFrame]) -> Detection:
    rows = pd.concat(markets)
    events, episodes = (rows[rows["kind"] == kind] for kind in ("event", "episode"))
    return Detection(
        signal=signal,
        phase=phase,
        episodes=len(episodes),
        events=len(events),
        recall=float(episodes["hit"].mean()) if len(episodes) else float("nan"),
        precision=float(events["hit"].mean()) if len(events) else float("nan"),
        delay_hours=float(episodes["delay_hours"].median()),
        recalled=_share(markets, "episode"),
        precise=_share(markets, "event"),
    )


def _share(markets: Sequence[pd.DataFrame], kind: str) -> Share:
    """Of all that is of a kind what is right; what is of one market depends on each other."""
    return Share.clustered([rows.loc[rows["kind"] == kind, "hit"].tolist() for rows in markets])


def as_markdown(found: Sequence[Detection]) -> str:
    """The table as the docs hold it."""
    lines = [
        "| signal | phase | episodes | events | recall | precision | median delay |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for d in found:
        delay = "–" if np.isnan(d.delay_hours) else f"{d.delay_hours:.0f} h"
        shares = ("–" if np.isnan(x) else f"{x:.2f}" for x in (d.recall, d.precision))
        cells = (d.signal, d.phase, str(d.episodes), str(d.events), *shares, delay)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
