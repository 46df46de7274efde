"""Memory and processor time of processes, as Linux tells them."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def family(pid: int | str = "self") -> list[str]:
    """A process and all that it began, and they began."""
    children: list[str] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            children += task.read_text().split()
    return [str(pid), *(one for child in children for one in family(child))]


def held(pid: int | str = "self") -> float:
    """Memory of a process in GB; of what several share its part. 0 if it has ended."""
    with contextlib.suppress(OSError, IndexError):
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        return int(rollup.split("Pss:")[1].split()[0]) / 1024**2
    return 0.0


def peak(pid: int | str = "self") -> float:
    """Peak memory of a process in GB, since it began or was last reset."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024**2


def spent(pid: int | str = "self") -> float:
    """Processor time of a process in seconds, without that of its children. 0 if it has ended."""
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0
