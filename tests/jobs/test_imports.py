"""What a command imports: a second of waiting that nobody asked for is found here."""

from __future__ import annotations

import subprocess
import sys

#: compilers, simulators, samplers: what measuring needs, and showing a stored run does not
HEAVY = ("numba", "vectorbt", "scipy", "statsmodels", "sklearn", "optuna", "ccxt", "plotly", "arch")


def test_a_report_of_a_stored_run_imports_nothing_that_measures() -> None:
    code = (
        "import sys, fadefollow.cli, fadefollow.jobs.report\n"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
