"""What people in notebooks call: a workspace's names or DataFrames in, the framework's objects out.

    import fadefollow as ff

    result = ff.study(events, prices, funding=funding, hold="72h")

    market = ff.open_dataset("lab").markets["IBEX"]
    phases = ff.detect("funding", market, quantile=0.97)
    result = ff.run("fade_crowded_funding", dataset="lab")

Names belong to the workspace around the current folder, as on the command line.
"""

import fadefollow.reporting.notebook  # noqa: F401 - registers the cards
from fadefollow.notebook.data import (
    dataset,
    datasets,
    detect,
    indicator,
    market,
    open_dataset,
    read_run,
    read_tuning,
    signal,
    signals,
    strategies,
)
from fadefollow.notebook.measuring import run, scan, sweep, tune
from fadefollow.notebook.studying import study

__all__ = [
    "dataset",
    "datasets",
    "detect",
    "indicator",
    "market",
    "open_dataset",
    "read_run",
    "read_tuning",
    "run",
    "scan",
    "signal",
    "signals",
    "strategies",
    "study",
    "sweep",
    "tune",
]
