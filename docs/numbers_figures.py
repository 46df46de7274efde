"""Draws the pictures of docs/numbers.md and writes its figures, from docs/calibration.json.

    fadefollow calibrate --json > lab.json
    fadefollow calibrate --universe --json > universe.json
    fadefollow calibrate --real universe_4h --json > real.json
    python docs/numbers_figures.py lab.json universe.json real.json

Each file replaces what docs/calibration.json holds of its kind of markets; without files the page
is written anew from what there is. Not called numbers.py, which would hide Python's own module of
that name. Needs matplotlib: `pip install -e '.[docs]'`.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
PAGE, FIGURES = HERE / "numbers.md", HERE / "calibration.json"
BEGIN, END = "<!-- figures: written by docs/numbers_figures.py -->", "<!-- end of figures -->"
#: kinds of markets that come first; all others are names of data sets
FIRST = ("the lab", "universes of the lab")
Found = dict[str, Any]


def main(files: Sequence[str]) -> None:
    """The figures into the page, the pictures into docs/images/.

    Args:
        files: what calibrations printed with `--json`.
    """
    found = json.loads(FIGURES.read_text("utf-8"))
    for name in files:
        one = json.loads(Path(name).read_text("utf-8"))
        found[one["about"]] = one
    if files:
        FIGURES.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    PAGE.write_text(with_figures(PAGE.read_text("utf-8"), found), "utf-8")
    for name, figure in {"false": false_answers(found), "power": power(found)}.items():
        path = HERE / "images" / f"numbers_{name}.png"
        figure.savefig(path, dpi=110)
        print(f"{path.name}  {path.stat().st_size / 1000:.0f} kB")


def with_figures(page: str, found: Found) -> str:
    """The page with its block of figures written anew."""
    before, _, rest = page.partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n{figures(found)}{END}{after}"


def figures(found: Found) -> str:
    """What was measured, as Markdown."""
    lines = []
    for one in _ordered(found):
        d = one["design"]
        lines += [
            f"`{one['command']}`: bars of {d['bar']}, {d['draws']} placebo draws, {2 * d['draws']} "
            f"bootstrap replicates, smallest edge worth trading {d['smallest_bps']:g} bps; "
            f"{', '.join(one['strategies'])}.",
            "",
        ]
    kinds = ("pays", "loses", "small", "supported", "refuted")
    lines += [
        "| markets | tables | questions | false tables | " + " | ".join(kinds) + " "
        "| not asked | version 1 | t-tests |",
        "|---|---:|---:|---:|" + "---:|" * (len(kinds) + 3),
    ]
    for one, arm in _arms(found):
        counts = (str(arm["by_kind"][kind]["count"]) for kind in kinds)
        others = (arm["unasked"], arm["old_false_tables"], arm["t_false_tables"])
        cells = (
            _name(one, arm),
            str(arm["markets"]),
            f"{arm['questions']:.1f}",
            f"**{_share(arm['false_tables'])}**",
            *counts,
            *map(_share, others),
        )
        lines.append("| " + " | ".join(cells) + " |")
    lines += [
        "",
        "| markets | outright | by t-intervals | hedged | by t-intervals |",
        "|---|---:|---:|---:|---:|",
    ]
    for one, arm in _arms(found):
        if arm["arm"]["kind"] != "coins":
            shares = (
                _share(arm[which][book])
                for book in ("outright", "hedged")
                for which in ("covered", "t_covered")
            )
            lines.append("| " + " | ".join((_name(one, arm), *shares)) + " |")
    return "\n".join([*lines, *_power_lines(found), *_error_lines(found)]) + "\n"


def _power_lines(found: Found) -> list[str]:
    """Planted edges: how often they were found, and at what the rows called detectable."""
    lines = [
        "",
        "| phase | book | coins | years | trades | planted | edge | detectable | error | found "
        "| t-test |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for one in _ordered(found):
        for c in one["power"]:
            arm = c["arm"]
            cells = (
                f"`{c['phase']}`",
                c["book"],
                f"{arm['coins']}{'' if arm['whole'] or 'universe' not in one['about'] else '*'}",
                f"{arm['years']:g}",
                f"{c['trades']:.0f}",
                f"{arm['effect_bps']:g}",
                *(f"{c[name]:.0f}" for name in ("edge_bps", "detectable_bps")),
                f"{c['error_bps']:.0f}",
                f"{_share(c['found'])} of {c['found']['of']}",
                _share(c["t_found"]),
            )
            lines.append("| " + " | ".join(cells) + " |")
    lines += ["", "bps a trade; * coins are listed and delisted within these years.", ""]
    lines += [
        "| an edge as large as the detectable effect | book | found | of 0.8 to 1.25 times that |",
        "|---|---|---:|---:|",
    ]
    for one in _ordered(found):
        for at in one["detectable"]:
            if at["curve"] is not None or at["found"]["of"]:
                mid, low, high = (f"{100 * x:.0f}" for x in at["power"])
                lines.append(
                    f"| `{at['phase']}`, {one['about']} | {at['book']} | **{mid} %** "
                    f"[{low}, {high}] | {_share(at['found'])} of {at['found']['of']} |"
                )
    wrong = [c["wrong_way"] for one in _ordered(found) for c in one["power"]]
    count, of = (sum(share[name] for share in wrong) for name in ("count", "of"))
    return [
        *lines,
        "",
        f"The opposite of what was planted was said to pay in {count} of {of} cases.",
    ]


def _error_lines(found: Found) -> list[str]:
    """By how much the estimates of real tables lie above what is taken for their truth."""
    rows = [
        (one, arm, row)
        for one, arm in _arms(found)
        if arm["arm"]["kind"] == "times"
        for row in arm["rows"]
        if row["miss"]["low"] is not None
    ]
    if not rows:
        return []
    lines = [
        "",
        "On real prices the truth is an estimate. So much do the means of the tables lie above it, "
        "bps:",
        "",
        "| data set | phase | stance | outright | hedged |",
        "|---|---|---|---:|---:|",
    ]
    by_key: dict[tuple[str, str, str], dict[str, str]] = {}
    for one, _, row in rows:
        m = row["miss"]
        key = one["about"], row["phase"], row["stance"]
        shown = f"{m['value']:+.0f} [{m['low']:.0f}, {m['high']:.0f}]"
        by_key.setdefault(key, {})[row["book"]] = shown
    for (about, phase, stance), books in by_key.items():
        cells = about, f"`{phase}`", stance, books.get("outright", "–"), books.get("hedged", "–")
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _ordered(found: Found) -> list[Found]:
    """The lab, its universes, data sets by name."""
    rest = sorted(set(found) - set(FIRST))
    return [found[name] for name in (*FIRST, *rest) if name in found]


def _arms(found: Found) -> Iterator[tuple[Found, Found]]:
    for one in _ordered(found):
        for arm in one["arms"]:
            yield one, arm


def _name(one: Found, arm: Found) -> str:
    name = str(arm["name"])
    return name if one["about"] in FIRST else f"{one['about']}: {name}"


def _share(share: Found) -> str:
    if not share["of"]:
        return "–"
    value, low, high = (100 * share[k] for k in ("value", "low", "high"))
    return f"{value:.1f} % [{low:.1f}, {high:.1f}]"


def false_answers(found: Found) -> Any:
    """False tables and coverage of every kind of market, ours and a t-test's."""
    arms = list(_arms(found))
    figure, axes = _figure(2, 1.2 + 0.42 * len(arms))
    names = [_name(one, arm).replace(", 2 years", "") for one, arm in arms]
    axes[0].axvspan(0, 5, color=_theme()["good"], alpha=0.15, lw=0)
    for y, (_, arm) in enumerate(arms):
        shares = (arm["false_tables"], "follow", -0.2), (arm["old_false_tables"], "long", 0.0)
        for share, colour, off in (*shares, (arm["t_false_tables"], "zero", 0.2)):
            _bar(axes[0], share, y + off, colour)
    axes[1].axvspan(92, 97, color=_theme()["good"], alpha=0.15, lw=0)
    for y, (_, arm) in enumerate(arms):
        if arm["arm"]["kind"] != "coins":
            for book, off in (("outright", -0.18), ("hedged", 0.12)):
                colour = "follow" if book == "outright" else "fade"
                _bar(axes[1], arm["covered"][book], y + off, colour)
                _bar(axes[1], arm["t_covered"][book], y + off + 0.1, "zero")
    for place in axes:
        place.set_yticks(range(len(arms)), names)
        place.set_ylim(len(arms) - 0.5, -0.5)
        place.xaxis.set_major_formatter("{x:g} %")
    axes[1].tick_params(labelleft=False)
    axes[0].set_title("Tables with a false answer", loc="left")
    axes[1].set_title("95 % intervals that hold the truth", loc="left")
    return figure


def _bar(place: Any, share: Found, y: float, colour: str) -> None:
    if share["of"]:
        value, low, high = (100 * share[k] for k in ("value", "low", "high"))
        place.plot([low, high], [y] * 2, color=_theme()[colour], lw=1.6)
        place.plot(value, y, "o", color=_theme()[colour], ms=4)


def power(found: Found) -> Any:
    """Share of markets in which the planted edge was found, by its size, in the lab."""
    cells = found["the lab"]["power"] if "the lab" in found else []
    keys = list(dict.fromkeys((c["phase"], c["book"]) for c in cells))
    figure, axes = _figure(max(len(keys), 1), 3.4)
    for place, (phase, book) in zip(axes, keys, strict=False):
        own = [c for c in cells if (c["phase"], c["book"]) == (phase, book)]
        lengths = dict.fromkeys(c["arm"]["years"] for c in own)
        for years, colour in zip(lengths, ("follow", "fade", "long"), strict=False):
            mine = [c for c in own if c["arm"]["years"] == years]
            share = [100 * c["found"]["value"] for c in mine]
            low = [s - 100 * c["found"]["low"] for s, c in zip(share, mine, strict=True)]
            high = [100 * c["found"]["high"] - s for s, c in zip(share, mine, strict=True)]
            place.errorbar(
                [c["edge_bps"] for c in mine],
                share,
                yerr=[low, high],
                fmt="o-",
                ms=4,
                lw=1.6,
                color=_theme()[colour],
                label=f"{years:g} years, {sum(c['trades'] for c in mine) / len(mine):.0f} trades",
            )
            detectable = sum(c["detectable_bps"] for c in mine) / len(mine)
            place.plot(detectable, 80, "D", mfc="none", ms=7, color=_theme()[colour])
        place.axhline(80, color=_theme()["good"], ls=":", lw=1.2)
        place.set_title(f"{phase}, {book}", loc="left")
        place.set_xlabel("edge, bps a trade")
        place.yaxis.set_major_formatter("{x:g} %")
        place.set_ylim(0, 103)
        place.legend(frameon=False, loc="lower right", fontsize=7)
    return figure


def _theme() -> dict[str, str]:
    css = (HERE.parent / "reports" / "theme" / "colours.css").read_text("utf-8")
    return dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", css)[:14])


def _figure(columns: int, height: float) -> tuple[Any, Any]:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    theme = _theme()
    mpl.rcParams.update(
        {
            "font.size": 9,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.edgecolor": theme["rule"],
            "text.color": theme["ink"],
            "axes.labelcolor": theme["muted"],
            "xtick.color": theme["muted"],
            "ytick.color": theme["muted"],
            "axes.titleweight": "bold",
            "axes.titlesize": 10,
            "axes.facecolor": theme["paper"],
            "figure.facecolor": theme["paper"],
        }
    )
    figure = Figure(figsize=(9.0, height), layout="constrained")
    return figure, figure.subplots(1, columns, squeeze=False)[0]


if __name__ == "__main__":
    main(sys.argv[1:])
