"""Words of notes on watched claims."""

from __future__ import annotations

from fadefollow.results.notes.wording import Wording, single

#: by code
CLAIMS: dict[str, Wording] = {
    "claim-restated": single(
        "the data of {blocks} recorded blocks of {claim} were changed since: the blocks count as "
        "they were recorded"
    ),
}
