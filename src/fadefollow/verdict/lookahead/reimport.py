"""Reimport a signal's modules, so that it keeps no state."""

from __future__ import annotations

import importlib
import sys
from typing import Any

from fadefollow.phases import Signal


def anew(signal: Signal) -> Signal:
    """The same signal from freshly imported modules, with nothing kept from earlier questions.

    Only the package that holds the signal's module (`signals` of a workspace) is imported again;
    the modules that were there stay in their place.
    """
    kind = type(signal)
    package = kind.__module__.partition(".")[0]
    kept = {
        name: module
        for name, module in sys.modules.items()
        if name == package or name.startswith(f"{package}.")
    }
    for name in kept:
        del sys.modules[name]
    try:
        found: Any = importlib.import_module(kind.__module__)  # noqa: TID251 - a user's module
        for part in kind.__qualname__.split("."):
            found = getattr(found, part)
        return found(**signal.model_dump())  # type: ignore[no-any-return]
    finally:
        sys.modules.update(kept)
