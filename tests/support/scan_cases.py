"""Runs as they lie on the disk, and workspaces with stored data, for the tests of the scan."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tomli_w

from fadefollow.market.datasets.open import open_dataset
from fadefollow.market.datasets.spec import DatasetSpec
from fadefollow.market.schema import canonical
from fadefollow.market.store.store import Store
from fadefollow.workspace import Workspace, find_workspace, init_workspace

HOUR = pd.Timedelta(hours=1)
START = pd.Timestamp("2024-01-01", tz="UTC")
#: a stance outright, as result.json has it
STANCE = {
    "word": "pays",
    "n_trades": 40,
    "mean_net_bps": 12.5,
    "ci_bps": [3.0, 22.0],
    "band_bps": [1.0, 24.0],
    "placebo": {"kind": "time", "p_adjusted": 0.04},
    "detectable_bps": None,
}
NOTHING = {"outright": None, "hedged": None}


def verdict(strategy: str, phase: str, fate: str = "supported", **changes: Any) -> dict[str, Any]:
    """A row of result.json of a claim to follow, of which only following outright was traded."""
    return {
        "strategy": strategy,
        "signal": "doors",
        "phase": phase,
        "split": None,
        "symbols": ["BTC"],
        "n_phases": 50,
        "claim": "follow",
        "fate": fate,
        "fate_book": "outright",
        "fates": {"outright": fate},
        "settle": None,
        "fade": NOTHING,
        "follow": {**NOTHING, "outright": STANCE},
        **changes,
    }


def put_run(
    workspace: Workspace,
    name: str,
    *verdicts: dict[str, Any],
    dataset: str = "demo",
    source: str = "files",
    last: str = "2024-02-09 23:00",
    tuning: dict[str, Any] | None = None,
    changes: dict[str, Any] | None = None,
    **record: Any,
) -> Path:
    """A run's folder with result.json and config.toml, as far as a scan reads them.

    Args:
        workspace: whose run it is; strategies are written as they are there.
        name: of the folder.
        verdicts: its rows.
        dataset, source, last: of its data.
        tuning: of a tuning job.
        changes: of the configuration, dotted key → value.
        record: of result.json.
    """
    folder = workspace.runs / name
    folder.mkdir(parents=True)
    span = {"first": "2024-01-01 00:00", "last": last, "rows": 10, "missing": 0}
    result: dict[str, Any] = {
        "schema": 2,
        "verdicts": list(verdicts),
        "dataset": {"name": dataset, "fingerprint": "abc", "coverage": {"BTC": {"perp": span}}},
        **({"tuning": tuning} if tuning else {}),
        **record,
    }
    (folder / "result.json").write_text(json.dumps(result))
    config: dict[str, Any] = {
        "dataset": {"fingerprint": "abc", "settings": {"source": source}},
        "signals": {},
        "strategies": {},
    }
    for one in {v["strategy"] for v in verdicts} & set(workspace.names("strategies")):
        strategy = workspace.strategy(one)
        signal = workspace.detector(strategy)
        dumped = strategy.model_dump(mode="json", exclude_none=True)
        config["strategies"][one] = {**dumped, "params": signal.model_dump(mode="json")}
        code = workspace.path("signals", strategy.signal).read_bytes()
        config["signals"][strategy.signal] = {"sha256": hashlib.sha256(code).hexdigest()}
    for key, value in (changes or {}).items():
        *path, leaf = key.split(".")
        table = config
        for part in path:
            table = table.setdefault(part, {})
        table[leaf] = value
    (folder / "config.toml").write_text(tomli_w.dumps(config))
    (folder / "report.html").write_text("<p>")
    report = {"schema": 2, "dataset": {"simulated": source == "lab"}}
    (folder / "report.json").write_text(json.dumps(report))
    return folder


def made_workspace(root: Path) -> Workspace:
    """A new workspace in a folder."""
    init_workspace(root)
    return find_workspace(root)


TOML = 'title = "{title}"\nsource = "files"\nbar = "1h"\n{more}\n[[files]]\nstream = "perp"\n'


def store_lab(
    workspace: Workspace,
    name: str,
    *,
    until: pd.Timestamp | None = None,
    more: str = "",
    spoilt: str = "",
    years: float = 0.5,
    coins: tuple[str, ...] = ("BTC", "ETH"),
) -> str:
    """A stored data set `name`, that is not called simulated, from the lab's numbers.

    Args:
        workspace: where its TOML and its tables go.
        name: of the data set.
        until: no record that was known later.
        more: lines of its TOML.
        spoilt: a coin whose perp stands still for 30 hours, which the audit calls an error.
        years, coins: of the lab.
    """
    lab = {"seed": 6, "start": "2024-01-01", "years": years, "coins": list(coins), "quiet_days": 30}
    spec = DatasetSpec(title="x", source="lab", bar=HOUR, lab=lab)
    markets = open_dataset(spec, "x", workspace.store).markets
    tables: dict[str, dict[str, pd.DataFrame]] = {}
    for coin, market in markets.items():
        tables[coin] = {stream: market.table(stream) for stream in market.streams}
        if coin == spoilt:
            perp = tables[coin]["perp"].copy()
            still = slice(1000, 1030)
            for column in ("open", "high", "low", "close"):
                perp.loc[still, column] = perp["close"].iloc[1000]
            perp.loc[still, "volume"] = 0.0
            tables[coin]["perp"] = canonical(perp, "perp", bar=HOUR, where="test")
        if until is not None:
            tables[coin] = {
                stream: kept.reset_index(drop=True)
                for stream, table in tables[coin].items()
                if len(kept := table[table["available"] <= until])
            }
    Store(workspace.store).write(name, tables, bar=HOUR)
    text = TOML.format(title=name, more=more) + 'path = "{coin}.csv"\n'
    (workspace.root / "datasets" / f"{name}.toml").write_text(text)
    return name


def plain_market(coin: str = "BTC", bars: int = 48) -> dict[str, pd.DataFrame]:
    """Perp bars that rise by one each."""
    close = 100.0 + np.arange(bars)
    perp = pd.DataFrame(
        {
            "time": pd.date_range(START, periods=bars, freq="1h"),
            "open": close,
            "high": close + 1,
            "low": close - 1,
            "close": close,
            "volume": 1.0,
        }
    )
    return {"perp": canonical(perp, "perp", bar=HOUR, where="test")}
