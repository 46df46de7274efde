"""Notes on how parameters were chosen, and on who saw the holdout."""

from __future__ import annotations

from collections.abc import Sequence

from fadefollow.core.notes import Note
from fadefollow.core.text import listed
from fadefollow.results.notes.wording import FEW, Wording, single, who


def _tuned(note: Note) -> str:
    f = note.figures
    what = "in sample" if f["same_data"] else "in sample where it is the same history"
    return (
        f"tuned on {f['dataset']} until {f['until']} ({f['trials']} trials): what it earned before "
        f"is {what}; what the choice is worth out of sample is in the tuning job's report"
    )


def _all_tuned(notes: Sequence[Note]) -> str:
    said = [f"{who(n)} on {n.figures['dataset']} until {n.figures['until']}" for n in notes]
    same = all(n.figures["same_data"] for n in notes)
    what = "in sample" if same else "in sample where it is the same history"
    return (
        f"tuned: {listed(said, FEW)}; what they earned before is {what}; what the choices are "
        "worth out of sample is in the tuning jobs' reports"
    )


def _opened(note: Note) -> str:
    said = [f"on {time} UTC by `{command}`" for time, command in note.figures["openings"]]
    most = 3
    if len(said) > most:
        said = [*said[: most - 1], f"{len(said) - most} more times", said[-1]]
    return f"the holdout was opened {', '.join(said[:-1]) + ' and ' if said[1:] else ''}{said[-1]}"


def _seen_early(note: Note) -> str:
    f = note.figures
    return (
        f"the holdout was seen before it was opened or declared: {f['trials']} trials used data "
        f"from {f['from']} on, first on {f['first']} UTC by `{f['command']}`"
    )


#: by code
CHOICES: dict[str, Wording] = {
    "tuned-on": Wording(_tuned, _all_tuned),
    "holdout-open": single(
        "the holdout is open: data from {from} on were used, and are no longer unseen"
    ),
    "holdout-closed": Wording(
        lambda n: f"the holdout is closed: nothing from {n.figures['from']} on was used",
        first=False,
    ),
    "holdout-opened": Wording(_opened),
    "holdout-seen-early": Wording(_seen_early),
    "nothing-chosen": single(
        "no configuration had enough trades up to the end: nothing was chosen"
    ),
    "no-workspace": single(
        "what the last search chose was not written: there is no workspace here "
        "(`fadefollow init` makes one)"
    ),
    "choice-without-gain": Wording(
        lambda n: (
            f"the best of the last search has {n.figures['objective']} "
            f"{n.figures['score']:.2f} in sample: no tuned strategy is written"
        )
    ),
    "tuned-not-written": single(
        "the tuned strategy could not be written beside the original: {error}"
    ),
}
