"""A scan in the terminal: the fate of each claim, and both stances in the book that speaks."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from fadefollow.cli.render.scan import show_scan
from fadefollow.scanning.model import Running, Scan, ScanRow, Standing, Tried

TIME = pd.Timestamp("2024-02-10", tz="UTC")
KNOWN = pd.Timestamp("2024-02-09 20:00", tz="UTC")


def row(symbol: str, phase: str, strategy: str) -> ScanRow:
    return ScanRow(
        symbol=symbol,
        signal="funding",
        phase=phase,
        params={},
        lean=1,
        actor="crowd",
        known=KNOWN,
        age_hours=4.0,
        first=KNOWN,
        times=1,
        strength=1.2,
        n_before=40,
        stronger_than=0.6,
        price=50_000.0,
        price_time=TIME,
        move_bps=12.0,
        bets=(Running(strategy, 72.0, 68.0),),
    )


def standing(strategy: str, phase: str, **changes: Any) -> Standing:
    known: dict[str, Any] = {
        "strategy": strategy,
        "phase": phase,
        "measure_on": "demo",
        "run": "20240301T000000Z-demo",
        "dataset": "demo",
        "symbols": ("BTC",),
        "first": "2021-01-01 00:00",
        "last": "2024-02-09 23:00",
        "claim": "fade",
        **changes,
    }
    return Standing(**known)


REFUTED = standing(
    "fade_crowded",
    "crowded_long",
    fate="refuted",
    book="hedged",
    fates={"outright": "open", "hedged": "refuted"},
    tried={
        ("fade", "outright"): Tried("open", 140, -60.0, (-180.0, 61.0), 0.4, 150.0),
        ("fade", "hedged"): Tried("loses", 140, -9.0, (-14.0, -4.0), 0.9, 11.0),
        ("follow", "hedged"): Tried("small", 140, 1.0, (-4.0, 6.0), 0.2, 12.0),
    },
)
SUPPORTED = standing(
    "fade_doors",
    "long_door",
    fate="supported",
    book="outright",
    fates={"outright": "supported"},
    tried={("fade", "outright"): Tried("pays", 60, 42.0, (5.0, 80.0), 0.01, 36.0)},
    caveats=("of other data: elsewhere",),
)


def shown(
    width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    monkeypatch.setenv("COLUMNS", str(width))
    rows = (row("BTC", "crowded_long", "fade_crowded"), row("BTC", "long_door", "fade_doors"))
    known = {(one.strategy, one.phase): one for one in (REFUTED, SUPPORTED)}
    scan = Scan(TIME, "demo", "Demo", pd.Timedelta("1h"), False, False, rows, standings=known)  # noqa: FBT003
    show_scan(scan)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= width
    return lines


@pytest.mark.parametrize("width", [80, 120, 200])
def test_a_hit_tells_the_fate_of_its_claim(width, capsys, monkeypatch) -> None:
    lines = shown(width, capsys, monkeypatch)
    present = {line.split()[1]: line for line in lines if line.startswith(" BTC")}
    assert present["crowded_long"].rstrip().endswith("refuted")
    assert present["long_door"].rstrip().endswith("supported*")


@pytest.mark.parametrize("width", [100, 120, 200])
def test_history_shows_the_book_that_speaks_and_tells_of_the_other(
    width, capsys, monkeypatch
) -> None:
    lines = shown(width, capsys, monkeypatch)
    crowded = next(line for line in lines if "crowded_long: fade" in line)
    assert "refuted" in crowded
    assert "loses −9 [−14, −4]" in crowded
    assert "small +1 [−4, 6]" in crowded
    assert crowded.rstrip().endswith(" 11")  # the smaller of what both would have shown
    text = "\n".join(lines)
    assert "−60" not in text
    said = "fade_crowded crowded_long: refuted against the market; open outright"
    assert said in [line.rstrip() for line in lines]
    doors = next(line for line in lines if "long_door: fade" in line)
    assert "supported*" in doors
    assert "pays +42 [5, 80]" in doors
    assert "not traded" in doors
