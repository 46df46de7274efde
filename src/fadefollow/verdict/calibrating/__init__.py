"""Calibration: how often the verdict itself is right, measured on markets whose truth is known.

`design` says which markets are made, `world` judges one of them, `notebook` keeps what was judged,
`calibrate` runs and resumes the work, `summary` counts.
"""

from fadefollow.verdict.calibrating.calibrate import calibrate
from fadefollow.verdict.calibrating.design import STRATEGIES, Arm, Design, families_of
from fadefollow.verdict.calibrating.notebook import NOTEBOOK, Notebook
from fadefollow.verdict.calibrating.summary import Calibration, CalibrationError, summarise

__all__ = [
    "NOTEBOOK",
    "STRATEGIES",
    "Arm",
    "Calibration",
    "CalibrationError",
    "Design",
    "Notebook",
    "calibrate",
    "families_of",
    "summarise",
]
