"""Writes the figures of docs/first-run.md: what a first run says, and what is true.

    fadefollow run
    python docs/first_run_figures.py reports/runs/RUN --markets 8

The truth of the default data set is what its trades earn on average in other markets with the same
settings and other seeds. Without arguments the page is written anew from docs/first_run.json.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import tempfile
import tomllib
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
PAGE, FIGURES = HERE / "first-run.md", HERE / "first_run.json"
BEGIN, END = "<!-- figures: written by docs/first_run_figures.py -->", "<!-- end of figures -->"
BOOKS = ("outright", "hedged")
STANCES = ("fade", "follow")
Found = dict[str, Any]


def main() -> None:
    """The run and the truth into first_run.json if a run is given; the page from there."""
    parser = argparse.ArgumentParser()
    parser.add_argument("run", nargs="?", type=Path)
    parser.add_argument("--markets", type=int, default=8, help="0 keeps the truth as it is")
    given = parser.parse_args()
    if given.run is not None:
        found = read(given.run)
        if given.markets:
            found |= {
                "truth": truth(found["dataset"], given.markets),
                "markets": given.markets,
            }
        else:
            known = json.loads(FIGURES.read_text("utf-8"))
            found |= {name: known[name] for name in ("truth", "markets")}
        FIGURES.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", "utf-8")
    page = PAGE.read_text("utf-8")
    PAGE.write_text(with_figures(page, json.loads(FIGURES.read_text("utf-8"))), "utf-8")


def read(folder: Path) -> Found:
    """What the page tells of a run."""
    result = json.loads((folder / "result.json").read_text("utf-8"))
    rows = []
    for verdict in result["verdicts"]:
        row: Found = {k: verdict[k] for k in ("strategy", "phase", "claim", "fate", "fate_book")}
        for stance in STANCES:
            row[stance] = {
                book: None
                if not (one := verdict[stance].get(book)) or "word" not in one
                else {"word": one["word"], "mean": one["mean_net_bps"], "band": one["band_bps"]}
                for book in BOOKS
            }
        rows.append(row)
    return {
        "command": result["command"],
        "dataset": result["dataset"]["name"],
        "fingerprint": result["dataset"]["fingerprint"],
        "market": market(result["dataset"]["name"]),
        "alpha": result["assumptions"]["alpha"],
        "smallest": 20.0,
        "rows": rows,
    }


def market(name: str) -> Found:
    """The file of a stock data set: what is simulated, and what is planted in it."""
    text = (HERE.parent / "datasets" / f"{name}.toml").read_text("utf-8")
    found: Found = json.loads(json.dumps(tomllib.loads(text), default=str))
    return found


def truth(name: str, markets: int) -> list[Found]:
    """What each strategy's trades earn on average in other markets, by phase, stance and book."""
    from fadefollow.engine.hedge.hedged import hedged_pnl
    from fadefollow.engine.model import together
    from fadefollow.errors import FadeFollowError
    from fadefollow.jobs.datasets import open_named
    from fadefollow.verdict.run.parallel_steps import books_of
    from fadefollow.verdict.run.prepare import prepare_bet
    from fadefollow.workspace import find_workspace, init_workspace

    home = find_workspace(HERE)
    text = home.path("datasets", name).read_text("utf-8")
    sums: dict[tuple[str, str, str, str], list[tuple[float, int]]] = {}
    with tempfile.TemporaryDirectory() as place:
        init_workspace(Path(place))
        workspace = find_workspace(Path(place))
        names = workspace.names("strategies")
        bets = [(s, workspace.detector(s)) for s in map(workspace.strategy, names)]
        for seed in range(1001, 1001 + markets):
            other = re.sub(r"seed = \d+", f"seed = {seed}", text, count=1)
            (Path(place) / "datasets" / f"other_{seed}.toml").write_text(other, "utf-8")
            dataset, detected = open_named(workspace, f"other_{seed}"), dict[Any, Any]()
            for strategy, signal in bets:
                try:
                    plan = prepare_bet(dataset, strategy, signal, detected).plan
                except FadeFollowError:
                    continue  # it cannot be traded here; the run says so, too
                for stance in (s for s in STANCES if s not in plan.refused):
                    trades = together(books_of(plan, stance, "error", []))
                    trades = trades[trades["reason"] != "end"]
                    values = {"outright": trades["return"]}
                    if plan.basket is not None:
                        values["hedged"] = hedged_pnl(trades) / trades["notional"]
                    for code, phase in enumerate(plan.phases):
                        for book, value in values.items():
                            mine = value[trades["code"] == code].dropna()
                            key = strategy.name, phase, stance, book
                            sums.setdefault(key, []).append((1e4 * float(mine.sum()), len(mine)))
            print(f"market {seed} done")
    return [_mean(key, found) for key, found in sums.items()]


def _mean(key: tuple[str, str, str, str], found: list[tuple[float, int]]) -> Found:
    """The mean over all trades and its standard error over markets."""
    trades = sum(n for _, n in found)
    mean = sum(total for total, _ in found) / trades if trades else math.nan
    square = sum((total - mean * n) ** 2 for total, n in found)
    k = len(found)
    se = math.sqrt(square * k / (k - 1)) / trades if trades and k > 1 else math.nan
    names = dict(zip(("strategy", "phase", "stance", "book"), key, strict=True))
    known = {n: None if math.isnan(x) else round(x, 1) for n, x in (("mean", mean), ("se", se))}
    return {**names, "trades": trades, **known}


def false_words(found: Found) -> list[str]:
    """The words that the truth contradicts by more than two of its own standard errors."""
    known = {(t["strategy"], t["phase"], t["stance"], t["book"]): t for t in found["truth"]}
    false = []
    for row in found["rows"]:
        for stance in STANCES:
            for book in BOOKS:
                one = row[stance][book]
                true = known.get((row["strategy"], row["phase"], stance, book))
                if one is None or true is None or true["mean"] is None:
                    continue
                low, high = true["mean"] - 2 * true["se"], true["mean"] + 2 * true["se"]
                wrong = {
                    "pays": high <= 0.0,
                    "loses": low >= 0.0,
                    "small": low > found["smallest"],
                }
                if wrong.get(one["word"], False):
                    false.append(f"{row['strategy']} {row['phase']} {stance} {book}: {one['word']}")
    return false


def with_figures(page: str, found: Found) -> str:
    """The page with its block of figures written anew."""
    before, _, rest = page.partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n{figures(found)}{END}{after}"


def figures(found: Found) -> str:
    """One line a claim: its fate, and each stance's word and mean beside the truth."""
    known = {(t["strategy"], t["phase"], t["stance"], t["book"]): t for t in found["truth"]}
    count: dict[str, int] = {}
    for row in found["rows"]:
        count[row["fate"]] = count.get(row["fate"], 0) + 1
    told = ", ".join(f"{n} {fate}" for fate, n in sorted(count.items(), key=lambda x: -x[1]))
    words = [
        row[s][b]["word"] for row in found["rows"] for s in STANCES for b in BOOKS if row[s][b]
    ]
    decided = sum(word in ("pays", "loses", "small") for word in words)
    made = found["market"]
    lines = [
        f"`{found['dataset']}`: {made['lab']['coins']} coins over {made['lab']['years']:g} years, "
        f"in bars of {made['bar']}, from {made['lab']['start']} on.",
        "",
        f"`{found['command']}`: {len(found['rows'])} claims, {told}. {decided} of the {len(words)} "
        f"words say something (`pays`, `loses`, `small`); **{len(false_words(found))} of them "
        f"{'is' if len(false_words(found)) == 1 else 'are'} false**. "
        f"Truth: the mean of the same trades in {found['markets']} other markets, with its "
        "standard error.",
        "",
        "| claim | fate | fade: said | true | follow: said | true |",
        "|---|---|---|---:|---|---:|",
    ]
    order = {fate: n for n, fate in enumerate(("supported", "refuted", "open", "untestable"))}
    for row in sorted(found["rows"], key=lambda r: order.get(r["fate"], 2)):
        book = row["fate_book"] or "outright"
        cells = [f"{row['claim']} `{row['phase']}` ({row['strategy']})"]
        where = {"outright": "outright", "hedged": "against the market"}[book]
        cells.append(f"**{row['fate']}** {where}")
        for stance in STANCES:
            one, true = row[stance][book], known.get((row["strategy"], row["phase"], stance, book))
            cells.append("–" if one is None else f"{one['word']} {_bps(one['mean'])}")
            cells.append("–" if true is None else f"{_bps(true['mean'])} ± {true['se'] or 0:.0f}")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _bps(value: float | None) -> str:
    return "–" if value is None else f"{value:+.0f}".replace("-", "−")


if __name__ == "__main__":
    main()
