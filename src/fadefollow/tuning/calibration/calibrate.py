"""calibrate_tuner: tune all markets of a design, and count."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fadefollow.core.parallel import make_pool
from fadefollow.tuning.calibration.design import TunerDesign
from fadefollow.tuning.calibration.market import Answer, Search, TunedMarket, tune_market
from fadefollow.tuning.calibration.summary import TunerCalibration, summarise_tuner
from fadefollow.verdict.calibration.design import Arm
from fadefollow.verdict.calibration.results_log import Pages
from fadefollow.verdict.calibration.run_all import make_rounds
from fadefollow.verdict.run.prepare import Bet

#: name of the file in the folder of runs
TUNER_NOTEBOOK = "calibration-tuning.jsonl"


@dataclass(frozen=True)
class TunerNotebook(Pages[TunedMarket]):
    """The notebook of tuned markets in the file `path`, which need not exist yet."""

    @staticmethod
    def page(said: dict[str, Any]) -> TunedMarket:
        """The market that a line says."""
        known = _known(said)
        del known["key"]
        known["arm"] = Arm(**known["arm"])
        known["searches"] = tuple(Search(**_known(one)) for one in known["searches"])
        known["answers"] = tuple(Answer(**_known(one)) for one in known["answers"])
        return TunedMarket(**known)


def _known(said: dict[str, Any]) -> dict[str, Any]:
    return {name: math.nan if value is None else value for name, value in said.items()}


def calibrate_tuner(
    design: TunerDesign,
    bet: Bet,
    *,
    notebook: TunerNotebook,
    jobs: int = -1,
    cluster: str | None = None,
    step: Callable[[str, float | None], None],
) -> TunerCalibration:
    """Tune every market of the design that the notebook does not know yet, and count.

    Args:
        design: which markets, and how they are searched and judged.
        bet: strategy and signal; plants go into its phases.
        notebook: each market is added to it as it comes.
        jobs: markets at work at the same time, see `fadefollow.core.parallel.make_pool`.
        cluster: address of a Dask scheduler; by default this machine.
        step: told how far it is.

    Returns:
        The counts; the same wherever the work is done and however often it is interrupted.

    Raises:
        WorkerPoolError: the workers are lost, or one market's workers died every time; the other
            markets are stored.
    """
    key = design.key((bet,))
    wanted = [(arm, seed) for arm in design.arms for seed in design.seeds(arm)]
    markets = make_rounds(
        _tune,
        (design, bet),
        wanted,
        notebook=notebook,
        key=key,
        doing="tuning",
        pool=make_pool(jobs, cluster),
        step=step,
    )
    return summarise_tuner(design, markets, strategy=bet[0].name, key=key)


def _tune(asked: tuple[TunerDesign, Bet], market: tuple[Arm, int]) -> TunedMarket:
    return tune_market(*asked, *market)
