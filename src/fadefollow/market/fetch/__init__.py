"""Market data from exchanges, through ccxt: complete, resumable, safe to kill.

* `venues`: which exchanges, what each gives, and how far back.
* `client`: one exchange's ccxt client: retries, pauses, plain errors.
* `markets`: from a coin's name to the exchange's markets.
* `asking`: one request, as arrays in the project's units.
* `believing`: whether an answer can be the answer to what was asked.
* `proof`: whether the answers are complete for a range.
* `options`: the open interest of all options of a coin, as of now.
* `ranges`: what is missing, and what to ask for.
* `staging`: pages, stored as they come.
* `engine`: the fetch: ask, notice what an answer lacks, ask again, store.
* `merge`: pages into a new version of the data set.
* `spec`: the data set that a fetch fills.
* `job`: all of it.
* `report`: what it did, by coin and stream.
"""

from fadefollow.market.fetch.job import fetch_job, reach_notes
from fadefollow.market.fetch.report import FetchReport, PartReport
from fadefollow.market.fetch.spec import fetch_spec
from fadefollow.market.fetch.venues import VENUES, Venue, venue_named

__all__ = [
    "VENUES",
    "FetchReport",
    "PartReport",
    "Venue",
    "fetch_job",
    "fetch_spec",
    "reach_notes",
    "venue_named",
]
