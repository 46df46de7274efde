"""The scan: which coin is in which phase now, and what was measured of that phase.

* `model`: what a scan finds, as plain values.
* `present`: events that are still present at a moment, from detection on all data.
* `history`: the verdicts of stored runs, and how far they speak for this scan.
* `needs`: the streams and the days that signals need.
* `live`: the largest coins of a venue, fetched into a data set of their own.
"""

from fadefollow.scanning.model import Running, Scan, ScanRow, Standing

__all__ = ["Running", "Scan", "ScanRow", "Standing"]
