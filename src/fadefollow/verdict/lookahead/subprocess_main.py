"""The program that a check runs in a new process."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

from fadefollow.verdict.lookahead.repeatability import Order, answers


def main(order: Order) -> None:
    """Read `ORDER.in` in the current folder, write `ORDER.out`."""
    signal, markets = pickle.loads(Path(f"{order}.in").read_bytes())
    Path(f"{order}.out").write_bytes(pickle.dumps(answers(signal, markets, order)))


if __name__ == "__main__":
    main("forward" if sys.argv[1] == "forward" else "backward")
