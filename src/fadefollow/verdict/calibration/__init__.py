"""Calibration: how often the verdict itself is right, measured on markets whose truth is known.

`design` says which markets are made; `simulated_run` and `real_run` make and judge one of them,
with the `truth` of its trades; `false_words` says which answers are false; `results_log` keeps what
was judged, `calibrate` runs and resumes the work, `summary` counts.
"""

from fadefollow.verdict.calibration.calibrate import calibrate
from fadefollow.verdict.calibration.design import (
    STRATEGIES,
    Arm,
    ArmKind,
    Design,
    RealDesign,
    UniverseDesign,
    families_of,
)
from fadefollow.verdict.calibration.real_run import RealSource
from fadefollow.verdict.calibration.results_log import NOTEBOOK, Notebook
from fadefollow.verdict.calibration.summary import Calibration, CalibrationError, summarise

__all__ = [
    "NOTEBOOK",
    "STRATEGIES",
    "Arm",
    "ArmKind",
    "Calibration",
    "CalibrationError",
    "Design",
    "Notebook",
    "RealDesign",
    "RealSource",
    "UniverseDesign",
    "calibrate",
    "families_of",
    "summarise",
]
