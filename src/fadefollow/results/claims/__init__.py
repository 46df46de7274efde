"""Claims that are watched: what was registered before the data, and what came of it since."""

from fadefollow.results.claims.chain import CLAIMS, ClaimsFile
from fadefollow.results.claims.lines import AlarmLine, BlockLine, Claim, Closing, Line, WordLine
from fadefollow.results.claims.watched import Watched, watched_claims

__all__ = [
    "CLAIMS",
    "AlarmLine",
    "BlockLine",
    "Claim",
    "ClaimsFile",
    "Closing",
    "Line",
    "Watched",
    "WordLine",
    "watched_claims",
]
