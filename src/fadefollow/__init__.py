"""fadefollow: does it pay to fade the crowd or to follow it?

In a notebook: `import fadefollow as ff`, then `ff.study` on your own events and prices, or
`ff.open_dataset`, `ff.detect`, `ff.run`, `ff.sweep`, … (see `fadefollow.notebook`).
"""

from typing import TYPE_CHECKING, Any

from fadefollow.core.moved import install as _install
from fadefollow.core.version import __version__

if TYPE_CHECKING:
    from fadefollow.notebook import (
        dataset,
        datasets,
        detect,
        indicator,
        market,
        open_dataset,
        read_run,
        read_tuning,
        run,
        scan,
        signal,
        signals,
        strategies,
        study,
        sweep,
        tune,
    )

__all__ = [
    "__version__",
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

_install()  # module paths of earlier versions go on working


def __getattr__(name: str) -> Any:
    # imported when first asked for: the command line's help does not wait for pandas
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from fadefollow import notebook

    return getattr(notebook, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
