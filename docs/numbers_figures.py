"""Draws the pictures of docs/numbers.md and writes its figures, from docs/calibration.json.

    fadefollow calibrate --json > docs/calibration.json
    python docs/numbers_figures.py

Not called numbers.py, which would hide Python's own module of that name.
Needs matplotlib: `pip install -e '.[docs]'`.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
PAGE, FIGURES = HERE / "numbers.md", HERE / "calibration.json"
BEGIN, END = "<!-- figures: written by docs/numbers_figures.py -->", "<!-- end of figures -->"
Found = dict[str, Any]


def main() -> None:
    """The figures into the page, the pictures into docs/images/."""
    found = json.loads(FIGURES.read_text("utf-8"))
    PAGE.write_text(with_figures(PAGE.read_text("utf-8"), found), "utf-8")
    for name, figure in {"false": false_claims(found), "power": power(found)}.items():
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
    d = found["design"]
    still = found["false_tables"]["of"]
    per_arm = d["planted_markets"]
    lengths = " and ".join(f"{k * d['years']:g}" for k in d["lengths"])
    lines = [
        f"Made by `{found['command']}`: {still} markets with nothing planted and {per_arm} for "
        f"each planted drift, seeds from {d['seed']}; {d['coins']} coins, {d['years']:g} years of "
        f"bars of {d['bar']} (planted: {lengths} years), correlation {d['correlation']:g}, "
        f"volatility {100 * d['annual_volatility']:g} % in clusters and bursts, and a bull market "
        f"of {100 * d['annual_drift']:g} % a year. Each table has {len(found['rows'])} questions "
        f"({', '.join(found['strategies'])}, fade and follow), {d['draws']} placebo shifts, "
        f"{2 * d['draws']} bootstrap replicates. In brackets: 95 % intervals.",
        "",
        "| | promised | measured | plain t-test |",
        "|---|---|---|---|",
        f"| nothing planted: tables with any false `fade` or `follow` | at most "
        f"{100 * d['alpha']:g} % | **{_share(found['false_tables'])}** | "
        f"{_share(found['t_false_tables'])} |",
        f"| 95 % intervals that hold the true mean (rows with ≥ 30 independent blocks, "
        f"{found['covered']['of']}) | 92 to 97 % | **{_share(found['covered'])}** | "
        f"{_share(found['t_covered'])} |",
    ]
    for at in found["detectable"]:
        mid, low, high = (f"{100 * x:.0f}" for x in at["power"])
        lines.append(
            f"| an edge as large as the detectable effect is found, `{at['phase']}` | at least "
            f"80 % | **{mid} %** [{low}, {high}] | |"
        )
        lines.append(
            f"| … one of 0.8 to 1.25 times that ({at['found']['of']} markets), `{at['phase']}` | "
            f"about 80 % | {_share(at['found'])} | |"
        )
    lines += [
        "",
        "| phase | years | trades | planted, bps | edge, bps | detectable, bps | found | t-test |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for c in found["power"]:
        arm = c["arm"]
        cells = (
            f"`{c['phase']}`",
            f"{arm['years']:g}",
            f"{c['trades']:.0f}",
            f"{arm['effect_bps']:g}",
            f"{c['edge_bps']:.0f}",
            f"{c['detectable_bps']:.0f}",
            _share(c["found"]),
            _share(c["t_found"]),
        )
        lines.append("| " + " | ".join(cells) + " |")
    wrong = sum(c["wrong_way"]["count"] for c in found["power"])
    of = sum(c["wrong_way"]["of"] for c in found["power"])
    lines += ["", f"The opposite of what was planted was named in {wrong} of {of} cases."]
    return "\n".join(lines) + "\n"


def _share(share: Found) -> str:
    if not share["of"]:
        return "–"
    value, low, high = (100 * share[k] for k in ("value", "low", "high"))
    return f"{value:.1f} % [{low:.1f}, {high:.1f}]"


def false_claims(found: Found) -> Any:
    """False claims and coverage, ours and a t-test's."""
    figure, axes = _figure(2, 3.6)
    for place, (what, band) in zip(
        axes, (("false", (0.0, found["design"]["alpha"])), ("covered", (0.92, 0.97))), strict=True
    ):
        whole = "false_tables" if what == "false" else "covered"
        rows = [("any row of the table", found[whole], found[f"t_{whole}"])]
        rows += [(f"{r['phase']}, {r['stance']}", r[what], r[f"t_{what}"]) for r in found["rows"]]
        place.axvspan(100 * band[0], 100 * band[1], color=_theme()["good"], alpha=0.15, lw=0)
        for y, (_, ours, plain) in enumerate(rows):
            for share, colour, off in ((ours, "follow", -0.14), (plain, "zero", 0.18)):
                value, low, high = (100 * share[k] for k in ("value", "low", "high"))
                place.plot([low, high], [y + off] * 2, color=_theme()[colour], lw=1.8)
                place.plot(value, y + off, "o", color=_theme()[colour], ms=5)
        place.set_yticks(range(len(rows)), [name for name, _, _ in rows])
        place.invert_yaxis()
        place.xaxis.set_major_formatter("{x:g} %")
    axes[1].tick_params(labelleft=False)
    axes[0].set_title("False claims, nothing planted", loc="left")
    axes[1].set_title("95 % intervals that hold the truth", loc="left")
    return figure


def power(found: Found) -> Any:
    """Share of markets in which the planted edge was found, by its size."""
    phases = list(dict.fromkeys(c["phase"] for c in found["power"]))
    figure, axes = _figure(len(phases), 3.4)
    for place, phase in zip(axes, phases, strict=True):
        cells = [c for c in found["power"] if c["phase"] == phase]
        lengths = dict.fromkeys(c["arm"]["years"] for c in cells)
        for years, colour in zip(lengths, ("follow", "fade", "long"), strict=False):
            mine = [c for c in cells if c["arm"]["years"] == years]
            edge = [c["edge_bps"] for c in mine]
            share = [100 * c["found"]["value"] for c in mine]
            low = [s - 100 * c["found"]["low"] for s, c in zip(share, mine, strict=True)]
            high = [100 * c["found"]["high"] - s for s, c in zip(share, mine, strict=True)]
            trades = sum(c["trades"] for c in mine) / len(mine)
            place.errorbar(
                edge,
                share,
                yerr=[low, high],
                fmt="o-",
                ms=5,
                lw=1.8,
                color=_theme()[colour],
                label=f"{years:g} years, {trades:.0f} trades",
            )
            detectable = sum(c["detectable_bps"] for c in mine) / len(mine)
            place.plot(detectable, 80, "D", mfc="none", ms=8, color=_theme()[colour])
        place.axhline(80, color=_theme()["good"], ls=":", lw=1.2)
        place.set_title(phase, loc="left")
        place.set_xlabel("edge, bps a trade (diamond: detectable effect)")
        place.yaxis.set_major_formatter("{x:g} %")
        place.set_ylim(0, 103)
        place.legend(frameon=False, loc="lower right")
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
    main()
