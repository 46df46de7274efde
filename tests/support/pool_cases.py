"""Work for workers, in a module that they can import."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt


class Ledger:
    """An array, and a file with a line for each time it was unpickled: the process's number."""

    def __init__(self, array: npt.NDArray[np.float64], log: Path) -> None:
        self.array, self.log = array, log

    def __reduce__(self):
        return _unpickled, (self.array, self.log)

    def readers(self) -> list[int]:
        return [int(line) for line in self.log.read_text().split()] if self.log.exists() else []


def _unpickled(array: npt.NDArray[np.float64], log: Path) -> Ledger:
    with log.open("a") as file:
        file.write(f"{os.getpid()}\n")
    return Ledger(array, log)


def total(ledger: Ledger, item: int) -> tuple[float, bool]:
    """A sum whose last bits depend on how it is made, and whether the array can be changed."""
    return float(np.sin(ledger.array[item::7]).sum()), ledger.array.flags.writeable


def whereabouts(pause: float, item: int) -> tuple[int, str | None]:
    time.sleep(pause)
    return os.getpid(), os.environ.get("NUMBA_NUM_THREADS")


def deadly(folder: Path, item: str) -> str:
    """Some items end their process, always or only the first time; each try leaves a file."""
    tries = len(list(folder.glob(f"{item}.*")))
    (folder / f"{item}.{tries}").touch()
    if item == "always" or (item == "once" and tries == 0):
        os.kill(os.getpid(), signal.SIGKILL)
    if item == "leaves":
        os._exit(0)
    time.sleep(0.02)
    return item.upper()


def mean_of(coins: Mapping[str, npt.NDArray[np.float64]], item: str) -> float:
    return float(coins[item].mean())


def mean_after_a_death(
    given: tuple[Path, Mapping[str, npt.NDArray[np.float64]]], item: str
) -> float:
    """The mean of a coin; the first process that has read it ends at the coin `once`."""
    folder, coins = given
    mean = mean_of(coins, item)
    deadly(folder, item)
    return mean


def noted(folder: Path, item: int) -> int:
    """Takes a while, and says which process is at it."""
    (folder / f"{item}.{os.getpid()}").touch()
    time.sleep(0.15)
    return item * item


def refuses(error: BaseException, item: int) -> int:
    if item == 2:
        raise error
    return item


def value_of(signal_: object, item: int) -> int:
    """The constant VALUE of the module that a signal's class is in."""
    return sys.modules[type(signal_).__module__].VALUE


class CannotTravel(Exception):  # noqa: N818
    """Unpickling it calls it with too few arguments."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one} and {two}")
