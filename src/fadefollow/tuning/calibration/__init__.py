"""Calibration of the tuner: does it fool anybody, and does it find what is there?

Markets whose truth is known are tuned like any other. `design` says which ones, `market` tunes one
of them, `summary` counts, `calibrate` runs and resumes the work.
"""

from fadefollow.tuning.calibration.calibrate import TUNER_NOTEBOOK, TunerNotebook, calibrate_tuner
from fadefollow.tuning.calibration.design import TUNED_STRATEGY, TunerDesign
from fadefollow.tuning.calibration.market import Answer, Search, TunedMarket, tune_market
from fadefollow.tuning.calibration.summary import ArmFound, TunerCalibration, summarise_tuner

__all__ = [
    "TUNED_STRATEGY",
    "TUNER_NOTEBOOK",
    "Answer",
    "ArmFound",
    "Search",
    "TunedMarket",
    "TunerCalibration",
    "TunerDesign",
    "TunerNotebook",
    "calibrate_tuner",
    "summarise_tuner",
    "tune_market",
]
