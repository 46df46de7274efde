"""Writes the figures of the three tutorials, and draws their pictures, from stored runs.

    python docs/captured.py FOLDER
    python docs/tutorials.py FOLDER     # reads FOLDER's runs into docs/tutorials.json first
    python docs/tutorials.py            # from docs/tutorials.json alone

Needs matplotlib: `pip install -e '.[docs]'`.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from captured import RUNS  # noqa: E402
from numbers_figures import _figure, _theme  # noqa: E402

FIGURES = HERE / "tutorials.json"
PAGES = {name: HERE / "tutorials" / f"account-{name}.md" for name in "abc"}
#: runs of each page, and the phases whose paths are drawn
PATHS = {
    "a": ("ignition", "handover"),
    "a_lab": ("ignition", "distribution"),
    "b": ("short_door", "long_door", "spot_led_up", "spot_buying"),
    "c": ("crowded_long", "inflow_streak", "long_flush"),
}
BOOKS = ("outright", "hedged")
NAMES = {"outright": "outright", "hedged": "against the market"}
THIN = 4  #: hours between two points of a path
Found = dict[str, Any]


def main() -> None:
    """The figures into docs/tutorials.json and the pages, the pictures into docs/images/."""
    import matplotlib as mpl

    if len(sys.argv) > 1:
        runs = Path(sys.argv[1]) / "workspace" / "reports" / "runs"
        found = {name: read(newest(runs, command), PATHS[name]) for name, command in RUNS.items()}
        FIGURES.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    found = json.loads(FIGURES.read_text("utf-8"))
    for name, page in PAGES.items():
        page.write_text(with_figures(page.read_text("utf-8"), found, name), "utf-8")
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "fadefollow"})
    for name, run in found.items():
        for kind, figure in (("verdicts", forest(run)), ("paths", paths(run))):
            path = HERE / "images" / f"tutorial_{name}_{kind}.svg"
            figure.savefig(path, metadata={"Date": None})
            path.write_text(re.sub(r"[ \t]+$", "", path.read_text("utf-8"), flags=re.M), "utf-8")
            print(f"{path.name}  {path.stat().st_size / 1000:.0f} kB")


def newest(runs: Path, command: str) -> Path:
    """The last run that this command made.

    Raises:
        FileNotFoundError: there is none.
    """
    for folder in sorted(runs.glob("2*"), reverse=True):
        if json.loads((folder / "result.json").read_text("utf-8"))["command"] == command:
            return folder
    raise FileNotFoundError(f"no run in {runs} was made by: {command}")


def read(folder: Path, drawn: Iterable[str]) -> Found:
    """What the pages tell of a run."""
    import pandas as pd

    result, report = (
        json.loads((folder / f"{n}.json").read_text("utf-8")) for n in ("result", "report")
    )
    from fadefollow.reporting.text.answers import fate_text, why_text
    from fadefollow.results.stored_run import read_run

    rows = []
    for verdict, row in zip(result["verdicts"], read_run(folder).verdicts, strict=True):
        rows.append(
            {key: verdict[key] for key in ("strategy", "phase", "n_phases", "claim", "fate")}
            | {"hold_hours": report["strategies"][verdict["strategy"]]["trade"]["hold_hours"]}
            | {"told": fate_text(row), "why": why_text(row), "settle": _round(verdict["settle"])}
            | {"reason": verdict["reason"]["code"], "planted_bps": verdict.get("planted_bps")}
            | {
                stance: {book: _stance(verdict[stance][book]) for book in BOOKS}
                for stance in ("fade", "follow")
            }
        )
    splits = pd.read_parquet(folder / "splits.parquet")
    doors = splits[(splits["split"] == "door") & splits["phase"].isin(drawn)]
    cells = json.loads(doors.to_json(orient="records", double_precision=2))
    studies = [s for s in report["event_studies"] if s["phase"] in set(drawn)]
    return {
        "command": result["command"],
        "version": result["version"],
        "fingerprint": result["dataset"]["fingerprint"],
        "notes": result["notes"],
        "rows": rows,
        "doors": cells,
        "fragility": [_frailty(row) for row in report["fragility"]],
        "paths": [_path(study) for study in studies],
    }


def with_figures(page: str, found: Found, name: str) -> str:
    """The page with its blocks of figures written anew."""
    for block, (write, run) in {
        "verdicts": (verdicts, name),
        "lab": (verdicts, "a_lab"),
        "doors": (doors, "b"),
        "fragility": (fragility, "b"),
        "unseen": (unseen, name),
        "best": (best, name),
    }.items():
        begin, end = f"<!-- {block}: written by docs/tutorials.py -->", f"<!-- end of {block} -->"
        if begin in page:
            before, _, rest = page.partition(begin)
            page = f"{before}{begin}\n{write(found[run])}\n{end}{rest.partition(end)[2]}"
    return page


def verdicts(run: Found) -> str:
    """One row a phase, claimed stance and book: its word, what decided, and the claim's fate."""
    lab = any(row["planted_bps"] for row in run["rows"])
    hedged = _hedged(run)
    head = "| phase | the account |" + (" book |" if hedged else "")
    head += " events | trades | net, bps a trade | any hour | corrected p | finds |"
    lines = [
        head + (" planted |" if lab else "") + " word | claim |",
        "|---|---|"
        + ("---|" if hedged else "")
        + 6 * "---:|"
        + ("---:|" if lab else "")
        + "---|---|",
    ]
    for row in run["rows"]:
        for stance in ("fade", "follow") if row["claim"] == "disputed" else (row["claim"],):
            for book in BOOKS if hedged else BOOKS[:1]:
                side = row[stance][book]
                said = "disputed: " * (row["claim"] == "disputed") + stance
                cells = [
                    _named(row, run),
                    said,
                    *([NAMES[book]] if hedged else []),
                    str(row["n_phases"]),
                    *(_cells(side) if side else ("–",) * 5),
                ]
                if lab:
                    cells.append(f"{row['planted_bps'] or 0:+.0f}".replace("-", "−"))
                word = side["word"] if side else "–"
                lines.append("| " + " | ".join([*cells, word, f"**{row['fate']}**"]) + " |")
    lines += ["", "Why, in the report's words:", ""]
    for row in run["rows"]:
        why = re.sub(r"-(?=\d)", "−", row["why"])
        told = f"{row['told']}: " if row["fate"] != "untestable" else ""
        lines.append(f"- {_named(row, run)}: {told}{why}.")
    return "\n".join(lines)


def _hedged(run: Found) -> bool:
    """Whether anything was traded against the market."""
    return any(row[stance]["hedged"] for row in run["rows"] for stance in ("fade", "follow"))


def doors(run: Found) -> str:
    """Fading doors by their number in the game."""
    lines = [
        "| phase | door | trades | faded, bps a trade | any hour | q |",
        "|---|---|" + 4 * "---:|",
    ]
    for cell in run["doors"]:
        if cell["stance"] == "fade" and cell["phase"] in ("short_door", "long_door"):
            q = "–" if cell["q"] is None else f"{cell['q']:.2f}"
            mean = _bps(cell["mean_net_bps"], cell["ci_low_bps"], cell["ci_high_bps"])
            lines.append(
                f"| `{cell['phase']}` | {cell['cell']} | {cell['n_trades']} | {mean} "
                f"| {_bps(cell['anyhour_mean_bps'])} | {q} |"
            )
    return "\n".join(lines)


def fragility(run: Found) -> str:
    """What the verdicts become under other assumptions."""
    rows = run["fragility"]
    flips = [row for row in rows if row["flips"]]
    changes = len({row["change"] for row in rows}) - 1
    lines = [
        f"`--fragility` judged each phase under up to {changes} changed assumptions, "
        f"{sum(row['change'] != 'as run' for row in rows)} rows in all; in {len(flips)} of "
        "them the fate changes:",
        "",
    ]
    lines += [
        f"- `{row['phase']}`, {row['change']}: **{row['verdict']}** "
        f"({row['stance']} {_bps(row['mean_net_bps'])} bps over {row['n_trades']} trades)"
        for row in flips
    ]
    return "\n".join(lines)


def unseen(run: Found) -> str:
    """What could not be looked for, in the report's words."""
    missing = [note["text"] for note in run["notes"] if note["code"] == "stream-missing"]
    return "\n".join(f"- {text}." for text in missing)


def best(run: Found) -> str:
    """The claim that comes closest to being supported, in a sentence."""
    known = [
        (row, book, row[row["claim"]][book])
        for row in run["rows"]
        if row["claim"] != "disputed"
        for book in BOOKS
        if row[row["claim"]][book] and row[row["claim"]][book]["p_adjusted"] is not None
    ]
    row, book, side = min(known, key=lambda found: found[2]["p_adjusted"])
    seen = (
        f"the smallest that this sample would have shown is {side['detectable_bps']:.0f} bps"
        if side["detectable_bps"]
        else "the sample is too small to say what it could have shown"
    )
    where = f" {NAMES[book]}" if _hedged(run) else ""
    return (
        f"Of the claims, to {row['claim']} `{row['phase']}`{where} comes closest: "
        f"{_bps(side['mean_net_bps'], *side['ci_bps'])} bps over {side['n_trades']} trades, where "
        f"any hour made {_bps(side['anyhour_mean_bps'])}; corrected p {_p(side['p_adjusted'])}; "
        f"{seen}."
    )


def forest(run: Found) -> Any:
    """Means with intervals of both stances outright, and any hour, phase by phase."""
    rows = [row for row in run["rows"] if _drawn(row, "fade") or _drawn(row, "follow")]
    figure, (place,) = _figure(1, 1.1 + 0.42 * len(rows))
    theme = _theme()
    place.axvline(0, color=theme["rule"], lw=1.2)
    for y, row in enumerate(rows):
        for stance, off in (("fade", -0.15), ("follow", 0.15)):
            side = row[stance]["outright"]
            if _drawn(row, stance):
                place.plot(side["ci_bps"], [y + off] * 2, color=theme[stance], lw=2)
                place.plot(side["mean_net_bps"], y + off, "o", color=theme[stance], ms=5)
                place.plot(
                    side["anyhour_mean_bps"], y + off, "|", color=theme["ink"], ms=9, mew=1.6
                )
    for stance in ("fade", "follow"):
        place.plot([], [], "o-", color=theme[stance], label=stance)
    place.plot([], [], "|", color=theme["ink"], ms=9, mew=1.6, label="any hour")
    place.set_yticks(range(len(rows)), [f"{row['phase']}  ({row['fate']})" for row in rows])
    place.set_ylim(len(rows) - 0.4, -0.6)
    place.set_xlabel("mean net return, bps a trade, with its 95 % interval")
    place.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def paths(run: Found) -> Any:
    """Mean return around the phase in the direction of its lean, against placebos."""
    figure, axes = _figure(len(run["paths"]), 2.9)
    theme = _theme()
    for place, path in zip(axes, run["paths"], strict=True):
        hours = path["hours"]
        place.fill_between(hours, path["low"], path["high"], color=theme["zero"], alpha=0.25, lw=0)
        place.plot(hours, path["placebo"], color=theme["zero"], lw=1.2)
        place.plot(hours, path["mean"], color=theme["follow"], lw=1.8)
        place.axvline(0, color=theme["rule"], lw=1)
        place.axhline(0, color=theme["rule"], lw=1)
        place.set_title(f"{path['phase']} ({path['n_events']})", loc="left")
        place.set_xlabel("hours from the first entry")
    axes[0].set_ylabel("bps with the lean")
    return figure


def _named(row: Found, run: Found) -> str:
    """The phase, and its strategy where several trade it."""
    several = sum(other["phase"] == row["phase"] for other in run["rows"]) > 1
    return f"`{row['phase']}`" + (f" ({row['strategy']})" if several else "")


def _p(value: float) -> str:
    return f"{value:.2f}" if value >= 0.005 else "<0.01"


def _cells(side: Found) -> tuple[str, ...]:
    p = "–" if side["p_adjusted"] is None else _p(side["p_adjusted"])
    mean = _bps(side["mean_net_bps"], *side["ci_bps"])
    finds = "–" if side["detectable_bps"] is None else f"{side['detectable_bps']:.0f}"
    return str(side["n_trades"]), mean, _bps(side["anyhour_mean_bps"]), p, finds


def _bps(mean: float | None, low: float | None = None, high: float | None = None) -> str:
    if mean is None:
        return "–"
    text = f"{mean:+.0f}" + ("" if low is None else f" [{low:+.0f}, {high:+.0f}]")
    return text.replace("-", "−")


def _drawn(row: Found, stance: str) -> bool:
    side = row[stance]["outright"]
    return side is not None and side["ci_bps"][0] is not None


def _stance(side: Found | None) -> Found | None:
    if side is None:
        return None
    kept = (
        "word",
        "n_trades",
        "mean_net_bps",
        "ci_bps",
        "band_bps",
        "anyhour_mean_bps",
        "detectable_bps",
        "blocks",
        "block_days",
    )
    found = {key: _round(side[key], 4) for key in kept}
    placebo = side["placebo"] or {}
    return found | {"p_adjusted": _round(placebo.get("p_adjusted"), 4)}


def _frailty(row: Found) -> Found:
    kept = ("phase", "change", "verdict", "stance", "n_trades", "flips")
    return {key: row[key] for key in kept} | {"mean_net_bps": _round(row["mean_net_bps"])}


def _path(study: Found) -> Found:
    names = {
        "hours": "hours",
        "mean": "mean_bps",
        "placebo": "placebo_mean_bps",
        "low": "placebo_low_bps",
        "high": "placebo_high_bps",
    }
    # the hour of the entry is one of those that are kept
    first = next(i for i, h in enumerate(study["hours"]) if h % THIN == 0)
    thin = {name: _round(study[key][first::THIN]) for name, key in names.items()}
    return {"phase": study["phase"], "n_events": study["n_events"], **thin}


def _round(value: Any, digits: int = 1) -> Any:
    if isinstance(value, list | tuple):
        return [_round(item, digits) for item in value]
    if isinstance(value, dict):
        return {key: _round(item, digits) for key, item in value.items()}
    return round(value, digits) if isinstance(value, float) else value


if __name__ == "__main__":
    main()
