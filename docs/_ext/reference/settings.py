"""Every key of the workspace's table, of a strategy's TOML and of a data set's TOML."""

from __future__ import annotations

from typing import Any, NamedTuple

from fadefollow.engine.costs import CoinCosts, CostSettings
from fadefollow.engine.strategy import Range, Strategy, Trade, Tuned
from fadefollow.market.asof.universe_rule import UniverseSpec
from fadefollow.market.brackets.table import BracketTable
from fadefollow.market.datasets.spec import DatasetSpec, FileSpec
from fadefollow.market.lab.settings import LabSettings, Plant
from fadefollow.market.lab.universe import UniverseSettings
from fadefollow.workspace import Settings
from reference.fields import Entry, entries


class Table(NamedTuple):
    """One table of a TOML file."""

    path: str  #: before its keys, unique in the site
    title: str
    model: type[Any]
    without: tuple[str, ...] = ()  #: fields that the file does not hold


WORKSPACE = (Table("workspace", "", Settings),)
STRATEGY = (
    Table("strategy", "At the top", Strategy, ("name",)),
    Table("strategy.trade", "`[trade]`", Trade),
    Table("strategy.costs", "`[costs]`", CostSettings),
    Table("strategy.costs.coins", "`[costs.coins.COIN]`", CoinCosts),
    Table("strategy.costs.brackets", "`[costs.brackets]`: a table of your own", BracketTable),
    Table("strategy.search", "`[search]`: each range", Range),
    Table("strategy.tuned", "`[tuned]`", Tuned),
)
DATASET = (
    Table("dataset", "At the top", DatasetSpec),
    Table("dataset.files", "`[[files]]`", FileSpec),
    Table("dataset.universe", "`[universe]`", UniverseSpec),
    Table("dataset.costs", "`[costs]`", CostSettings),
    Table("dataset.costs.coins", "`[costs.coins.COIN]`", CoinCosts),
    Table("dataset.lab", "`[lab]`", LabSettings),
    Table("dataset.lab.plants", "`[lab.plants.PHASE]`", Plant),
    Table("dataset.lab.universe", "`[lab.universe]`", UniverseSettings),
)


def workspace_page() -> str:
    """The keys of `[tool.fadefollow]` as Markdown."""
    return _page(WORKSPACE)


def strategy_page() -> str:
    """The keys of a strategy as Markdown."""
    return _page(STRATEGY)


def dataset_page() -> str:
    """The keys of a data set as Markdown."""
    return _page(DATASET)


def _page(tables: tuple[Table, ...]) -> str:
    return "\n\n".join(_table(table) for table in tables)


def _table(table: Table) -> str:
    doc = (table.model.__doc__ or "").strip().split("\n\n")[0]
    parts = [f"### {table.title}"] if table.title else []
    parts.append(" ".join(doc.split()))
    parts += [_entry(table.path, e) for e in entries(table.model) if e.name not in table.without]
    return "\n\n".join(parts)


def _entry(path: str, entry: Entry) -> str:
    facts = [entry.about, entry.bounds, "required" if entry.required else ""]
    said = "; ".join(fact for fact in facts if fact)
    head = f"{path}.{entry.name} | {entry.kind} | {entry.default or '–'}"
    return f"````{{setting}} {head}\n{said[:1].upper()}{said[1:]}{'.' if said else ''}\n````"
