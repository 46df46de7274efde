"""The least memory that a command needs, checked against the process's limit.

The libraries that compile end the process where they get none, so the limit is looked at first.
"""

from __future__ import annotations

from fadefollow.errors import MemoryShortError

#: bytes of address space that commands take on the smallest data, measured on 2 cores
_LEAST = {"run": 2.5e9, "tune": 2.5e9, "calibrate": 2.5e9, "check": 2.1e9, "scan": 2.1e9}
_LEAST_OF_OTHERS = 1.0e9
#: commands that load no large library
_LIGHT = ("init", "new", None)


def refuse_too_little(command: str | None) -> None:
    """Refuse a command for which the limit of this process (`ulimit -v`) is too low.

    Raises:
        MemoryShortError: it is; the message has both.
    """
    if command in _LIGHT or (limit := _limit()) is None:
        return
    least = _LEAST.get(command or "", _LEAST_OF_OTHERS)
    if limit < least:
        raise MemoryShortError(
            f"`{command}` needs at least {least / 1e9:.1f} GB of address space",
            got=f"a limit of {limit / 1e9:.1f} GB",
            hint="raise it: ulimit -v unlimited",
        )


def _limit() -> int | None:
    """Bytes of address space that this process may have; None where there is no limit."""
    try:
        import resource
    except ImportError:  # of Unix only
        return None
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return None if limit == resource.RLIM_INFINITY else limit
