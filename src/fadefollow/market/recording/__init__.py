"""Recorders: what venues say of now and never of the past, taken again and again.

Option chains, contract specifications, terms of funding and maintenance brackets. Each round is one
change of the store: all of it, or nothing.
"""

from fadefollow.market.recording.job import RecordRequest, Round, record_job

__all__ = ["RecordRequest", "Round", "record_job"]
