"""Archives: history that others publish as files, from the network or from a mirror folder."""

from fadefollow.market.archives.job import ArchiveReport, ArchiveSettings, archive_job

__all__ = ["ArchiveReport", "ArchiveSettings", "archive_job"]
