"""Writes the figures of docs/answers.md and draws its pictures, from two runs on real data.

    fadefollow data import universe_4h --from ../shared/data
    fadefollow data import binance_history --from ../shared/data
    fadefollow run --dataset universe_4h
    fadefollow run --dataset binance_history
    python docs/answers_figures.py reports/runs/RUN reports/runs/RUN

Without arguments the page is written anew from docs/answers.json, which holds what it tells of the
runs. Needs matplotlib: `pip install -e '.[docs]'`.
"""

from __future__ import annotations

import json
import math
import re
import sys
from pathlib import Path
from typing import Any

from numbers_figures import _figure, _theme

HERE = Path(__file__).resolve().parent
PAGE, FIGURES = HERE / "answers.md", HERE / "answers.json"
BOOKS = ("outright", "hedged")
Found = dict[str, Any]


def main() -> None:
    """The runs into answers.json if any are given; the page and its pictures from there."""
    if sys.argv[1:]:
        found = {}
        for folder in map(Path, sys.argv[1:]):
            one = read(folder)
            found[one["dataset"]] = one
        FIGURES.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", "utf-8")
    found = json.loads(FIGURES.read_text("utf-8"))
    PAGE.write_text(with_figures(PAGE.read_text("utf-8"), found), "utf-8")
    for name, run in found.items():
        path = HERE / "images" / f"answers_{name}.png"
        picture(run).savefig(path, dpi=110)
        print(f"{path.name}  {path.stat().st_size / 1000:.0f} kB")


def read(folder: Path) -> Found:
    """What the page tells of a run."""
    from fadefollow.reporting.text.answers import fate_text, settle_text
    from fadefollow.results.stored_run import StoredRun

    stored = StoredRun(folder)
    result, run = stored.record, stored.result
    rows = []
    for verdict in run.verdicts:
        strategy = run.strategies[verdict.strategy]
        row: Found = {
            "strategy": verdict.strategy,
            "phase": verdict.phase,
            "account": strategy["account"],
            "claim": verdict.claim,
            "fate": verdict.fate,
            "fate_text": fate_text(verdict),
            "events": verdict.n_phases,
            "coins": len(verdict.symbols),
            "settle": settle_text(verdict.settle),
            "reason": verdict.reason.code,
            "streams": list(verdict.reason.streams),
        }
        for (stance, book), one in verdict.results.items():
            row.setdefault(stance, {})[book] = {
                "word": one.word,
                "trades": one.n_trades,
                "mean": _number(one.mean_net_bps),
                "band": [_number(x) for x in one.band_bps],
                "ci": [_number(x) for x in one.ci_bps],
                "price": _number(one.parts_bps.price + one.parts_bps.hedge),
                "price_ci": [_number(x) for x in one.price_ci_bps],
                "funding": _number(one.parts_bps.funding),
                "funding_ci": [_number(x) for x in one.funding_ci_bps],
                "detectable": _number(one.detectable_bps),
                "blocks": _number(one.blocks),
                "block_days": _number(one.block_days),
                "spread": _number(one.spread_bps),
            }
        rows.append(row)
    prices = run.prices
    edges = [time for frame in prices.values() if len(frame) for time in frame.index[[0, -1]]]
    return {
        "dataset": result["dataset"]["name"],
        "command": result["command"],
        "fingerprint": result["dataset"]["fingerprint"],
        "version": result["version"],
        "alpha": result["assumptions"]["alpha"],
        "coins": len(prices),
        "first": f"{min(edges):%Y-%m-%d}" if edges else "",
        "last": f"{max(edges):%Y-%m-%d}" if edges else "",
        "rows": rows,
    }


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 1)


def with_figures(page: str, found: Found) -> str:
    """The page with its blocks of figures written anew.

    A block is called KIND-PART-DATASET: the kind is one of those below, the part an account (a, b,
    c, other) or `all`.
    """
    pattern = r"<!-- (\w+)-(\w+)-(\w+): written by docs/answers_figures.py -->.*?<!-- end -->"

    def block(match: re.Match[str]) -> str:
        kind, part, name = match.groups()
        run = found[name]
        rows = [row for row in run["rows"] if part in ("all", account(row))]
        text = {"claims": claims, "count": count, "errors": errors, "parts": parts}[kind](run, rows)
        head = f"<!-- {kind}-{part}-{name}: written by docs/answers_figures.py -->"
        return f"{head}\n{text}\n<!-- end -->"

    return re.sub(pattern, block, page, flags=re.DOTALL)


def account(row: Found) -> str:
    """The account that a row's claim comes from: a, b, c or other."""
    match = re.match(r"Account ([ABC])", row["account"])
    return match.group(1).lower() if match else "other"


def claims(run: Found, rows: list[Found]) -> str:
    """One line a claim that could be looked for: its fate, and what it rests on."""
    del run
    lines = [
        "| claim | fate | outright, bps a trade | against the market | trades | blocks |",
        "|---|---|---|---|---:|---:|",
    ]
    for row in rows:
        stances = ("fade", "follow") if row["claim"] == "disputed" else (row["claim"],)
        for stance in stances:
            books = row.get(stance, {})
            if not any(one["trades"] for one in books.values()):
                continue
            hedged = books.get("hedged")
            best = hedged if hedged and hedged["trades"] else books["outright"]
            disputed = " (disputed)" if row["claim"] == "disputed" else ""
            cells = (
                f"{stance} `{row['phase']}`{_by(row)}{disputed}",
                f"**{row['fate_text']}**",
                *(_cell(books.get(book)) for book in BOOKS),
                f"{best['trades']:,}".replace(",", " "),
                "–" if best["blocks"] is None else f"{best['blocks']:.0f}",
            )
            lines.append("| " + " | ".join(cells) + " |")
    unseen = [f"`{row['phase']}`" for row in rows if not _traded(row)]
    if unseen:
        lines += ["", f"Could not be looked for, or was never seen: {', '.join(unseen)}."]
    opened = [row for row in rows if row["fate"] == "open" and row["settle"] and _traded(row)]
    if opened:
        lines += ["", "What would settle what is open:", ""]
        lines += [f"- `{row['phase']}`{_by(row)}: {row['settle']}." for row in opened]
    return "\n".join(lines)


def _by(row: Found) -> str:
    """Which of several strategies trades the phase."""
    if row["phase"] != "rich_carry":
        return ""
    return {"_future": " by the future", "_spread": " by the spread"}.get(
        row["strategy"].removeprefix("fade_rich_carry"), " by the perp"
    )


def _traded(row: Found) -> bool:
    return any(one["trades"] for s in ("fade", "follow") for one in row.get(s, {}).values())


def _cell(one: Found | None) -> str:
    if one is None or one["mean"] is None:
        return "–"
    low, high = one["band"] if one["band"][0] is not None else one["ci"]
    band = "" if low is None else f" [{_bps(low)}, {_bps(high)}]"
    return f"{one['word']} {_bps(one['mean'])}{band}"


def _bps(value: float) -> str:
    return f"{value:+.0f}".replace("-", "−")


def count(run: Found, rows: list[Found]) -> str:
    """How many claims have which fate, in a sentence."""
    seen = [row for row in rows if _traded(row)]
    number: dict[str, int] = {}
    for row in seen:
        number[row["fate"]] = number.get(row["fate"], 0) + 1
    told = ", ".join(f"{n} {fate}" for fate, n in sorted(number.items(), key=lambda x: -x[1]))
    lacking = len(rows) - len(seen)
    more = f"; {lacking} could not be looked for or were never seen" if lacking else ""
    return (
        f"`{run['command']}`: {run['coins']} coins, {run['first']} to {run['last']}, "
        f"alpha = {run['alpha']:g}. Of {len(rows)} claims {told}{more}."
    )


def errors(run: Found, rows: list[Found]) -> str:
    """The width of the intervals in both books, of the claimed stance."""
    del run
    lines = [
        "| phase | trades | ± outright, bps | ± against the market, bps | ratio |",
        "|---|---:|---:|---:|---:|",
    ]
    for row in rows:
        stance = "fade" if row["claim"] == "disputed" else row["claim"]
        books = row.get(stance, {})
        halves = [_half(books.get(book)) for book in BOOKS]
        if None in halves or not halves[1]:
            continue
        ratio = halves[0] / halves[1]
        trades = f"{books['hedged']['trades']:,}".replace(",", " ")
        lines.append(
            f"| `{row['phase']}`{_by(row)} | {trades} | {halves[0]:.0f} | {halves[1]:.0f} "
            f"| {ratio:.1f} |"
        )
    return "\n".join(lines)


def _half(one: Found | None) -> Any:
    if one is None or one["ci"][0] is None:
        return None
    return (one["ci"][1] - one["ci"][0]) / 2.0


def parts(run: Found, rows: list[Found]) -> str:
    """What funding brings and what price takes, against the market."""
    del run
    lines = [
        "| trade | funding, bps | price against the market, bps | net, bps |",
        "|---|---:|---:|---:|",
    ]
    for row in rows:
        for stance in ("fade", "follow"):
            one = row.get(stance, {}).get("hedged")
            if one is None or one["mean"] is None:
                continue
            cells = (
                f"{stance} `{row['phase']}`{_by(row)}",
                _with(one["funding"], one["funding_ci"]),
                _with(one["price"], one["price_ci"]),
                _with(one["mean"], one["ci"]),
            )
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _with(value: float, interval: list[float | None]) -> str:
    low, high = interval
    if low is None or high is None:
        return _bps(value)
    return f"{_bps(value)} [{_bps(low)}, {_bps(high)}]"


def picture(run: Found) -> Any:
    """Means of the claimed stances that can be tested, with the intervals that hold for all."""
    rows = [row for row in run["rows"] if _traded(row) and row["fate"] != "untestable"]
    stances = ["fade" if row["claim"] == "disputed" else row["claim"] for row in rows]
    figure, axes = _figure(2, 0.9 + 0.27 * len(rows))
    titles = {"outright": "outright", "hedged": "against the market"}
    colours = {"pays": "good", "loses": "bad", "small": "bad"}
    for place, book in zip(axes, BOOKS, strict=True):
        place.axvline(0.0, color=_theme()["rule"], lw=1.0)
        limit = 10.0
        for y, (row, stance) in enumerate(zip(rows, stances, strict=True)):
            one = row.get(stance, {}).get(book)
            if one is None or one["mean"] is None:
                continue
            low, high = one["band"]
            colour = _theme()[colours.get(one["word"], "zero")]
            if low is not None:
                place.plot([low, high], [y, y], color=colour, lw=1.8)
                limit = max(limit, min(high - low, 4 * abs(one["mean"]) + 200.0))
            place.plot(one["mean"], y, "o", color=colour, ms=4.5)
        place.set_xlim(-limit, limit)
        place.set_yticks(
            range(len(rows)),
            [f"{s} {r['phase']}{_by(r)}" for s, r in zip(stances, rows, strict=True)],
        )
        place.set_ylim(len(rows) - 0.5, -0.5)
        place.set_title(titles[book], loc="left")
        place.set_xlabel("net, bps a trade")
    axes[1].tick_params(labelleft=False)
    return figure


if __name__ == "__main__":
    main()
