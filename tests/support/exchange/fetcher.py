"""One fetch in a process of its own, to be killed: `fetcher.py '{"root": …, "coins": […]}'`."""

from __future__ import annotations

import atexit
import json
import os
import sys
from pathlib import Path
from typing import Any

import pandas as pd

from fadefollow.market.datasets.request import FetchRequest
from fadefollow.market.datasets.spec import DatasetSpec
from fadefollow.market.fetch import fetch_job


def die_at(count: int) -> None:
    """Die like a killed process at the count-th step that changes the disk; else tell how many."""
    done = 0

    def counted(step: Any) -> Any:
        def run(*args: Any, **named: Any) -> Any:
            nonlocal done
            done += 1
            if done == count:
                os._exit(137)
            return step(*args, **named)

        return run

    os.fsync = counted(os.fsync)
    Path.replace, Path.unlink, Path.rmdir = (  # type: ignore[method-assign]
        counted(step) for step in (Path.replace, Path.unlink, Path.rmdir)
    )
    atexit.register(lambda: print("steps", done, flush=True))


def main() -> None:
    """Fetch what the argument says; exit with 130 on Ctrl-C, as the command line does."""
    wish = json.loads(sys.argv[1])
    die_at(wish.get("die_at", 0))
    venue = wish["venue"]
    spec = DatasetSpec(title=venue, source="fetch", bar="1h", venue=venue, ccxt=wish["ccxt"])
    try:
        report = fetch_job(
            spec,
            "data",
            FetchRequest(
                wish["coins"], pd.Timestamp(wish["since"]), streams=wish.get("streams") or ()
            ),
            Path(wish["root"]),
            first_wait=0.01,
            progress=lambda text, done: print(text, done, flush=True),
        )
    except KeyboardInterrupt:
        sys.exit(130)
    print("done", report.fingerprint, flush=True)


if __name__ == "__main__":
    main()
