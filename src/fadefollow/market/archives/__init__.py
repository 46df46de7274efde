"""Archives: history that others publish as files, from the network or from a mirror folder."""

from fadefollow.market.archives.everything import UniverseJob, UniverseReport
from fadefollow.market.archives.job import ArchiveReport, ArchiveSettings, archive_job
from fadefollow.market.archives.universe import Universe, UniversePlan

__all__ = [
    "ArchiveReport",
    "ArchiveSettings",
    "Universe",
    "UniverseJob",
    "UniversePlan",
    "UniverseReport",
    "archive_job",
]
