"""Draws the picture of docs/tuning.md and writes its figures, from docs/tuning_calibration.json.

    fadefollow calibrate --tuning --json > docs/tuning_calibration.json
    python docs/tuning_figures.py

Needs matplotlib: `pip install -e '.[docs]'`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from fadefollow.tuning.calibration.words import as_markdown, planted

HERE = Path(__file__).resolve().parent
PAGE, FIGURES = HERE / "tuning.md", HERE / "tuning_calibration.json"
BEGIN, END = "<!-- figures: written by docs/tuning_figures.py -->", "<!-- end of figures -->"
Found = dict[str, Any]


def main() -> None:
    """The figures into the page, the picture into docs/images/."""
    found = json.loads(FIGURES.read_text("utf-8"))
    PAGE.write_text(with_figures(PAGE.read_text("utf-8"), found), "utf-8")
    path = HERE / "images" / "tuning_promised.png"
    promised(found).savefig(path, dpi=110)
    print(f"{path.name}  {path.stat().st_size / 1000:.0f} kB")


def with_figures(page: str, found: Found) -> str:
    """The page with its block of figures written anew."""
    before, _, rest = page.partition(BEGIN)
    after = rest.partition(END)[2]
    made = f"Made by `{found['command']}`. "
    return f"{before}{BEGIN}\n{made}{as_markdown(found)}{END}{after}"


def promised(found: Found) -> Any:
    """What the winners earned in the past, and what came of it."""
    sys.path.insert(0, str(HERE))
    from numbers_figures import _figure, _theme

    figure, axes = _figure(1, 0.9 + 0.55 * len(found["arms"]))
    place, theme = axes[0], _theme()
    marks = (
        ("in_sample", "fade", "winners, in the past that chose them"),
        ("out_of_sample", "follow", "winners, on the stretch that followed"),
        ("own", "zero", "the file's own parameters, same stretches"),
    )
    for number, (field, colour, label) in enumerate(marks):
        y = [row + 0.2 * (number - 1) for row in range(len(found["arms"]))]
        mean = [arm[field] for arm in found["arms"]]
        far = [[m["value"] - m["low"] for m in mean], [m["high"] - m["value"] for m in mean]]
        place.errorbar(
            [m["value"] for m in mean],
            y,
            xerr=far,
            fmt="o",
            ms=5,
            lw=1.8,
            color=theme[colour],
            label=label,
        )
    place.axvline(0.0, color=theme["rule"], lw=1.2)
    names = [planted(arm["arm"]["effect_bps"]) for arm in found["arms"]]
    place.set_yticks(range(len(names)), names)
    place.invert_yaxis()
    place.set_xlabel("mean net return, bps a trade, over markets")
    place.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


if __name__ == "__main__":
    main()
