"""calibrate_tuner: tune all markets of a design, and count."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any

from pydantic import BeforeValidator, TypeAdapter, create_model

from fadefollow.tuning.calibrating.design import TunerDesign
from fadefollow.tuning.calibrating.market import TunedMarket, tune_market
from fadefollow.tuning.calibrating.summary import TunerCalibration, summarise_tuner
from fadefollow.verdict.calibrating.design import Arm
from fadefollow.verdict.calibrating.notebook import Pages
from fadefollow.verdict.calibrating.rounds import make_rounds
from fadefollow.verdict.measure import Bet
