"""Draws the picture of docs/watch.md and writes its figures, with the product's code.

    fadefollow calibrate --watch --json > universe.json
    fadefollow calibrate --watch --real universe_4h --json > real.json
    python docs/watch_figures.py universe.json real.json

Each file replaces what docs/watch_calibration.json holds of its kind of markets; without files the
page is written anew from what there is. Needs matplotlib: `pip install -e '.[docs]'`.
"""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fadefollow.verdict.estimates.days import DaySums
from fadefollow.verdict.sequential.answer import Answer, Past
from fadefollow.verdict.sequential.evidence import Evidence

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from numbers_figures import _figure, _theme  # noqa: E402

PAGE, FIGURES = HERE / "watch.md", HERE / "watch_calibration.json"
BEGIN, END = "<!-- figures: written by docs/watch_figures.py -->", "<!-- end of figures -->"
LOOKS, LOOKED = "<!-- looks: written by docs/watch_figures.py -->", "<!-- end of looks -->"
#: blocks of six days in two years; trades a block, and the deviation of one, of both pictures
BLOCKS, TRADES, SPREAD = 122, 2.0, 0.06
ALPHA, SMALLEST = 0.05, 0.0020
Found = dict[str, Any]


def main(files: Sequence[str]) -> None:
    """The figures into the page, the picture into docs/images/."""
    import matplotlib as mpl

    found = json.loads(FIGURES.read_text("utf-8")) if FIGURES.exists() else {}
    for name in files:
        one = json.loads(Path(name).read_text("utf-8"))
        found[one["about"]] = one
    if files:
        FIGURES.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    PAGE.write_text(with_figures(PAGE.read_text("utf-8"), found), "utf-8")
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "fadefollow"})
    path = HERE / "images" / "watch_sequences.svg"
    picture().savefig(path, metadata={"Date": None})
    path.write_text(re.sub(r"[ \t]+$", "", path.read_text("utf-8"), flags=re.M), "utf-8")
    print(f"{path.name}  {path.stat().st_size / 1000:.0f} kB")


def with_figures(page: str, found: Found) -> str:
    """The page with its two blocks of figures written anew."""
    for begin, end, text in ((LOOKS, LOOKED, looks()), (BEGIN, END, figures(found))):
        before, _, rest = page.partition(begin)
        page = f"{before}{begin}\n{text}{end}{rest.partition(end)[2]}"
    return page


def looks(strategies: int = 1000) -> str:
    """How many worthless strategies look good at some time within two years, as a table."""
    rng = np.random.default_rng(2)
    plain, last, sequence = 0, 0, 0
    for _ in range(strategies):
        sums = blocks(0.0, rng)
        rho2 = past().rho2
        evidence = Evidence.of(sums, rho2=rho2)
        u = np.cumsum(np.square(sums.total))
        t = np.cumsum(sums.total)[9:] / np.sqrt(u[9:])
        plain += bool((t > 1.645).any())
        last += bool(t[-1] > 1.645)
        sequence += bool((evidence.log_e(0.0, "at most") >= math.log(1.0 / ALPHA)).any())
    rows = (
        ("a plain test, looked at once, at the end of the two years", last),
        ("the same test, looked at after every block", plain),
        ("the confidence sequence, looked at after every block", sequence),
    )
    lines = ["| of 1,000 strategies that earn nothing | called good at some time |", "|---|---:|"]
    return "\n".join([*lines, *(f"| {name} | {count} |" for name, count in rows)]) + "\n"


def figures(found: Found) -> str:
    """What the calibrations found, as tables."""
    lines = []
    for about, one in sorted(found.items(), key=lambda item: item[0] != "universes of the lab"):
        for arm in one["arms"]:
            lines += [
                f"**{about}, {arm['what']}**: {arm['markets']} markets of {arm['arm']['coins']} "
                f"coins, {arm['claims']} claims, half of them with more than {arm['trades']:.0f} "
                f"trades in two years. {_living(arm['living'])}",
                "",
                "| promise | measured | promised | |",
                "|---|---:|---:|---|",
                *(_promise(promise) for promise in arm["promises"]),
                "",
            ]
        lines += [
            f"How long it took on {about}, half of the claims and 80 % of them:",
            "",
            "| edge | detectable (median) | confirmed | twice that confirmed | twice that gone: "
            "alarm |",
            "|---|---:|---:|---:|---:|",
            *(row for arm in one["arms"] for row in _delays(arm)),
            "",
            f"All of it took {one['seconds'] / 60:.0f} minutes of one core.",
            "",
        ]
    return "\n".join(lines)


def _living(one: dict[str, Any]) -> str:
    came = f"{one['listed']:.1f} coins were listed and {one['died']:.1f} died meanwhile"
    new = f"{100.0 * one['on_new']:.0f} % of the trades were on coins that history had not"
    cut = "none" if not one["cut"] else f"{one['cut']:,}"
    return f"In the mean {came}; {new}; deaths cut off {cut}."


def _delays(arm: dict[str, Any]) -> list[str]:
    rows = []
    for how in ("added", "planted"):
        one = arm[how]
        if one is None:
            continue
        lies = "planted in the market" if how == "planted" else "added to returns"
        where = arm["what"] if arm["what"].startswith("real") else lies
        if how == "added" and arm["planted"] is not None:
            where += ", of the same claims"
        cells = " | ".join(_delay(one[name]) for name in ("edge", "twice", "gone"))
        rows.append(f"| {where} | {one['edge_bps']:.0f} bps | {cells} |")
    return rows


def _delay(one: dict[str, float | None]) -> str:
    return f"{_days(one['median'])}, {_days(one['most'])} days"


def _days(years: float | None) -> str:
    return "–" if years is None else f"{365.25 * years:.0f}"


def _promise(one: dict[str, Any]) -> str:
    if one["low"] is None:
        return f"| {one['what']} | – | {one['promised']} | {one['state']} |"
    value, low, high = (100.0 * one[name] for name in ("value", "low", "high"))
    return (
        f"| {one['what']} | {value:.1f} % [{low:.1f}, {high:.1f}] | {one['promised']} | "
        f"{one['state']} |"
    )


def blocks(edge: float, rng: np.random.Generator, number: int = BLOCKS) -> DaySums:
    """Blocks of trades that earn an edge, with the spread of trades held for three days."""
    count = rng.poisson(TRADES, number).astype(np.float64)
    shared = rng.standard_t(5, number) * math.sqrt(3.0 / 5.0) * SPREAD * 0.5 * count
    own = rng.normal(size=number) * SPREAD * math.sqrt(0.75) * np.sqrt(count)
    return DaySums(shared + own + edge * count, count)


def past() -> Past:
    """The history of both pictures' claims."""
    history = blocks(0.0150, np.random.default_rng(11))
    return Past.of(history, blocks_a_year=BLOCKS / 2.0, hold_hours=72.0, false_alarms=0.1)


def answers() -> tuple[Answer, Answer]:
    """A claim with an edge of 250 bps, and one with none."""
    made = (blocks(edge, np.random.default_rng(7)) for edge in (0.0250, 0.0))
    closes, stays = (Answer.of(one, past(), alpha=ALPHA, smallest=SMALLEST) for one in made)
    return closes, stays


def picture() -> Any:
    """Both confidence sequences over two years."""
    figure, axes = _figure(2, 3.4)
    theme, days = _theme(), 6 * np.arange(1, BLOCKS + 1)
    titles = ("An edge of 250 bps: the band leaves zero", "No edge: the band stays around zero")
    for axis, answer, title in zip(axes, answers(), titles, strict=True):
        low, high = (np.clip(1e4 * one, -2000, 2000) for one in (answer.low, answer.high))
        axis.fill_between(days, low, high, color=theme["follow"], alpha=0.2, linewidth=0)
        axis.plot(days, 1e4 * answer.mean, color=theme["follow"], linewidth=1.2)
        axis.axhline(0.0, color=theme["ink"], linewidth=0.8)
        if answer.decided is not None:
            axis.axvline(days[answer.decided], color=theme["muted"], linewidth=0.8, linestyle="--")
            axis.annotate(
                f"{answer.word}, day {days[answer.decided]}",
                (days[answer.decided], -620),
                xytext=(4, 0),
                textcoords="offset points",
                color=theme["ink"],
            )
        axis.set(title=title, xlabel="days since the start", ylim=(-700, 900), xlim=(0, days[-1]))
    axes[0].set_ylabel("net bps a trade")
    return figure


if __name__ == "__main__":
    main(sys.argv[1:])
