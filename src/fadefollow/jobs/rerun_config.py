"""The configuration of a stored run, checked, so that it can be repeated."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_type_hints

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, create_model

from fadefollow.core.limits import MOST_BPS
from fadefollow.core.toml import build
from fadefollow.engine.costs import CostSettings
from fadefollow.engine.strategy import Strategy
from fadefollow.errors import SpecError
from fadefollow.jobs.data_gate import skips_holes
from fadefollow.jobs.run import RunOptions
from fadefollow.jobs.tune_ledger import TuneOptions
from fadefollow.market.asof.universe_rule import combined_rule
from fadefollow.market.datasets.request import OPEN_HOLDOUT, DataRequest
from fadefollow.results.stored_run import StoredRun
from fadefollow.tuning.model import TuneSettings
from fadefollow.tuning.settings import tune_settings
from fadefollow.verdict.run.measure import Settings
from fadefollow.workspace.trial_ledger import Known

_STRICT = ConfigDict(frozen=True, extra="forbid")
_Positive = Annotated[int, Field(ge=1)]
_Several = Annotated[int, Field(ge=2)]
_Bps = Annotated[float, Field(gt=0, le=MOST_BPS)]


@dataclass(frozen=True)
class Recipe:
    """What a run was made of, as its folder says.

    Attributes:
        folder: of the run.
        options: of the job; for a tuning job those of `tune`.
        fingerprint: of the data.
        dataset: what the data set's TOML said.
        signals: by name, the SHA-256 of the module's file.
        strategies: by name, with all values filled in.
        versions: of all that the result depends on.
        known: by what trials its Sharpe ratios were deflated; None where an earlier version of
            fadefollow did not say so.
        lines: of the ledger when it was made; None likewise.
        costs: what each coin of the data set cost; None likewise.
    """

    folder: Path
    options: RunOptions | TuneOptions
    fingerprint: str
    dataset: Mapping[str, Any]
    signals: Mapping[str, str]
    strategies: Mapping[str, Strategy]
    versions: Mapping[str, str]
    known: Known | None = None
    lines: int | None = None
    costs: CostSettings | None = None


def read_recipe(folder: Path, *, command: str) -> Recipe:
    """The recipe in a run's folder.

    Args:
        folder: of a run or a tuning job.
        command: what asks for it, the command of the options.

    Raises:
        StoreError: a file is missing or damaged, or a newer fadefollow wrote it.
        SpecError, UnknownNameError, ParameterError: config.toml does not say what it must; the
            message names the key.
    """
    stored = StoredRun(folder)
    _ = stored.record  # a later version's run is refused before its configuration is looked at
    versions, path = stored.versions, folder / "config.toml"
    config = build(_Config, dict(stored.config), where=str(path))
    if (config.run is None) == (config.tune is None):
        got = "neither" if config.run is None else "both"
        raise SpecError("exactly one table [run] or [tune] is needed", got=got, where=str(path))
    strategies = {
        name: build(Strategy, said, where=f"{path}, [strategies.{name}]")
        for name, said in config.strategies.items()
    }
    options: RunOptions | TuneOptions = (
        _run_options(config.run, path, command)
        if config.run is not None
        else _tune_options(config.tune or {}, strategies, path, command)
    )
    if isinstance(options, RunOptions):
        for name in options.strategies:
            _named(strategies, name, path)
    kept = config.ledger
    return Recipe(
        folder,
        options,
        config.dataset.fingerprint,
        config.dataset.settings,
        {name: code.sha256 for name, code in config.signals.items()},
        strategies,
        versions,
        known=None if kept is None else Known(kept.trials, kept.variance),
        lines=None if kept is None else kept.lines,
        costs=config.costs,
    )


class _Data(BaseModel):
    model_config = _STRICT

    fingerprint: str
    settings: dict[str, Any]


class _Code(BaseModel):
    model_config = _STRICT

    sha256: str


class _Ledger(BaseModel):
    model_config = _STRICT

    trials: int = Field(ge=0)
    variance: float = Field(ge=0, allow_inf_nan=False)
    lines: int = Field(ge=0)


class _Config(BaseModel):
    model_config = _STRICT

    run: dict[str, Any] | None = None
    tune: dict[str, Any] | None = None
    ledger: _Ledger | None = None
    costs: CostSettings | None = None
    dataset: _Data
    signals: dict[str, _Code]
    strategies: dict[str, dict[str, Any]]


def _model(kind: type[Any], **bounds: Any) -> type[BaseModel]:
    """A dataclass's fields as a model that checks them; `bounds` are other types of fields."""
    return _made(kind, _fields(kind, bounds))


def _job_model(kind: type[Any], **bounds: Any) -> type[BaseModel]:
    """As `_model`, of a job's options: those of its data are among the others."""
    data = _fields(DataRequest, {"symbols": _NAMES | None, "universe": _UNIVERSE})
    fields = {**data, **_fields(kind, bounds), "dataset": (str, ...), OPEN_HOLDOUT: (bool, False)}
    for name in ("command", "data", "opened_by"):
        del fields[name]
    return _made(kind, fields)


def _made(kind: type[Any], fields: dict[str, Any]) -> type[BaseModel]:
    made: type[BaseModel] = create_model(kind.__name__, __config__=_STRICT, **fields)
    return made


def _fields(kind: type[Any], bounds: Mapping[str, Any]) -> dict[str, Any]:
    """By name what pydantic takes for a field: its type and its default."""
    fields: dict[str, Any] = {}
    hints = {**get_type_hints(kind), **bounds}
    for field in dataclasses.fields(kind):
        hint, default = hints[field.name], field.default
        if default is dataclasses.MISSING:
            # TOML has no word for None
            default = None if NoneType in get_args(hint) else ...
        fields[field.name] = (hint, default)
    return fields


def _is_a_rule(written: int | str) -> int | str:
    combined_rule(None, written)
    return written


_UNIVERSE = Annotated[int | str, AfterValidator(_is_a_rule)] | None
_NAMES = Annotated[tuple[str, ...], Field(min_length=1)]
_SETTINGS = _model(
    Settings,
    missing_funding=Literal["error", "skip"],
    alpha=Annotated[float, Field(gt=0, lt=1)],
    placebo_draws=_Several,
    bootstrap_draws=_Several,
    seed=Annotated[int, Field(ge=0)],
    smallest_bps=_Bps,
)
_SEARCH = _model(
    TuneSettings,
    trials=_Positive,
    folds=_Several,
    inner=_Positive,
    min_trades=_Several,
    batch=_Positive,
    seed=Annotated[int, Field(ge=0)],
)
_RUN = _job_model(RunOptions, settings=_SETTINGS, strategies=_NAMES, smallest_bps=_Bps | None)
_TUNE = _job_model(TuneOptions, settings=_SEARCH, judging=_SETTINGS, smallest_bps=_Bps | None)


def _values(made: BaseModel) -> dict[str, Any]:
    return {name: getattr(made, name) for name in type(made).model_fields}


def _run_options(said: dict[str, Any], path: Path, command: str) -> RunOptions:
    values = _values(build(_RUN, said, where=f"{path}, [run]"))
    values["settings"] = Settings(**_values(values["settings"]))
    return RunOptions(command=command, **_with_data(values, command))


def _tune_options(
    said: dict[str, Any], strategies: Mapping[str, Strategy], path: Path, command: str
) -> TuneOptions:
    values = _values(build(_TUNE, said, where=f"{path}, [tune]"))
    values["judging"] = Settings(**_values(values["judging"]))
    search = _values(values["settings"])
    objective = ", ".join(search.pop("objectives"))
    strategy = _named(strategies, values["strategy"], path)
    values["settings"] = tune_settings(strategy, objective=objective, **search)
    return TuneOptions(command=command, **_with_data(values, command))


def _with_data(values: Mapping[str, Any], command: str) -> dict[str, Any]:
    """A job's options, those of its data as one request."""
    data, others = DataRequest.split(values, command=command)
    skips_holes(data.accept)  # refuses codes that there are not
    return {"data": data, **others}


def _named(strategies: Mapping[str, Strategy], name: str, path: Path) -> Strategy:
    if name not in strategies or strategies[name].name != name:
        raise SpecError(
            f"no table for strategy {name!r} of the run",
            where=f"{path}, [strategies]",
        )
    return strategies[name]
