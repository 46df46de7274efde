"""How many threads the compiled kernels may share the work among."""

from __future__ import annotations

from numba import config


def threads() -> int:
    """All cores; one within a process of joblib's, which tells numba so by NUMBA_NUM_THREADS."""
    return int(config.NUMBA_NUM_THREADS)
