"""Tables of a calibration that no engine made."""

from __future__ import annotations

from typing import Any

from fadefollow.engine.model import BOOKS
from fadefollow.phases import STANCES
from fadefollow.verdict.calibration import Arm
from fadefollow.verdict.calibration.false_words import Row, Stand
from fadefollow.verdict.calibration.judged import Table

#: an open stance of 80 trades that earn +30 bps and are worth −25
_USUAL: dict[str, Any] = {
    "asked": True,
    "word": "open",
    "n_trades": 80,
    "blocks": 40.0,
    "mean": 30.0,
    "low": -40.0,
    "high": 70.0,
    "band_low": -60.0,
    "band_high": 90.0,
    "momentum_low": -30.0,
    "p_adjusted": 0.5,
    "detectable": 90.0,
    "truth": -25.0,
    "edge": 0.0,
    "t_p": 0.2,
    "t_low": -30.0,
    "t_high": 60.0,
}


def stand_of(stance: str = "fade", book: str = "outright", **changes: Any) -> Stand:
    """One stance in one book."""
    return Stand(**({"stance": stance, "book": book} | _USUAL | changes))


def row_of(
    *stands: Stand, claim: str = "fade", fates: dict[str, str] | None = None, **names: str
) -> Row:
    """One strategy × phase; its fate is that of its first book."""
    made: Any = fates or dict.fromkeys(BOOKS, "open")
    which: Any = claim
    strategy, phase = names.get("strategy", "fade_it"), names.get("phase", "crowded_long")
    return Row(strategy, phase, which, next(iter(made.values())), made, stands)


def table_of(seed: int, word: str = "open", arm: Arm | None = None, **changes: Any) -> Table:
    """One market with one row: fading has the word in both books, following is open."""
    stands = [
        stand_of(
            stance, book, **({"word": word} | changes if stance == "fade" else {"asked": False})
        )
        for stance in STANCES
        for book in BOOKS
    ]
    fate = {"pays": "supported", "loses": "refuted", "small": "refuted"}.get(word, word)
    return Table(arm or Arm(), seed, (row_of(*stands, fates=dict.fromkeys(BOOKS, fate)),), 1.0)
