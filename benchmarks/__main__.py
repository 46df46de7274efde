"""`make bench`: every benchmark, or those named on the command line."""

from __future__ import annotations

import sys

from benchmarks import (
    cluster,
    commands,
    fetching,
    report,
    resolver,
    scale,
    signals,
    tuning,
    universe,
)

BENCHMARKS = {
    "cluster": cluster.main,
    "commands": commands.main,
    "fetching": fetching.main,
    "report": report.main,
    "resolver": resolver.main,
    "scale": scale.main,
    "signals": signals.main,
    "tuning": tuning.main,
    "universe": universe.main,
}


def main(names: list[str]) -> None:
    """Run the benchmarks called `names`, or all."""
    for name in names or list(BENCHMARKS):
        print(f"\n{name}: {sys.modules[BENCHMARKS[name].__module__].__doc__}")
        for label, value in BENCHMARKS[name]():
            print(f"  {label:<72} {value:>16}", flush=True)


main(sys.argv[1:])
