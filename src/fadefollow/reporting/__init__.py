"""Reporting: results in files, figures and one HTML page. It renders and computes nothing."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fadefollow.reporting.api import read_run, read_tuning, render, write_index, write_run

__all__ = ["read_run", "read_tuning", "render", "write_index", "write_run"]


def __getattr__(name: str) -> Any:
    # who needs one module of the room does not wait for all of them
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from fadefollow.reporting import api

    return getattr(api, name)
