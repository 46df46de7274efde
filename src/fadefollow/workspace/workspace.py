"""The workspace: its four folders, and how names in them become files and signals."""

from __future__ import annotations

import contextlib
import importlib
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from pydantic import BaseModel, ConfigDict, Field

from fadefollow.core.atomic_file import reason
from fadefollow.core.atomic_folder import filled
from fadefollow.core.limits import MOST_BPS, MOST_DRAWS, MOST_SEED
from fadefollow.core.toml import build, placed, read_toml
from fadefollow.engine.strategy import Strategy, load_strategy
from fadefollow.errors import ParameterError, SpecError, StoreError, UnknownNameError, unknown
from fadefollow.market.datasets.dataset import Dataset
from fadefollow.phases import Signal
from fadefollow.workspace.trial_ledger import LEDGER, Ledger

FOLDERS = ("signals", "strategies", "datasets", "reports")
#: what a workspace holds but does not version
_PRODUCED = ("store", "runs", "__pycache__", "*_tuned*.toml")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
#: rule of a name, in words
NAME_RULE = "a name must be lower-case letters, digits and underscores, a letter first, at most 64"


class Settings(BaseModel):
    """The `[tool.fadefollow]` table of the workspace's `pyproject.toml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    default_dataset: str = "lab_market"  #: of commands that name none
    alpha: float = Field(0.05, gt=0, lt=1)  #: level of all intervals and corrected tests
    #: the smallest edge worth trading, bps; a stance that surely earns less is `small`
    smallest_bps: float = Field(20.0, gt=0, le=MOST_BPS)
    #: shifted histories that each run is compared with
    placebo_draws: int = Field(1000, ge=100, le=MOST_DRAWS)
    #: replicates behind each interval
    bootstrap_draws: int = Field(2000, ge=100, le=MOST_DRAWS)
    #: of placebo and bootstrap; the same seed, the same result
    seed: int = Field(1, ge=0, le=MOST_SEED)


@dataclass(frozen=True)
class Workspace:
    """Where signals, strategies, data sets and report templates are read from.

    Attributes:
        root: the folder that holds the four folders.
        output: where `datasets/store` and `reports/runs` are written; the root, or the current
            folder where the stock workspace of the installed package is used.
        settings: the `[tool.fadefollow]` table.
    """

    root: Path
    output: Path
    settings: Settings

    def own(self, folder: str) -> Path:
        """The path of one of the four folders, to write a file of the user's.

        Raises:
            ParameterError: the stock workspace is used, which is not the user's.
        """
        if self.root != self.output:
            raise ParameterError(
                "no workspace of your own to write to",
                where=str(self.output),
                hint="`fadefollow init DIR` makes one; run the command in it",
            )
        return self.root / folder

    @property
    def store(self) -> Path:
        """Where imported and fetched data lie."""
        return self.output / "datasets" / "store"

    @property
    def runs(self) -> Path:
        """Where runs are written."""
        return self.output / "reports" / "runs"

    @property
    def ledger(self) -> Ledger:
        """The trial ledger."""
        return Ledger(self.runs / LEDGER)

    @property
    def templates(self) -> Path:
        """Templates and theme of the report."""
        return self.root / "reports"

    def names(self, folder: str) -> list[str]:
        """Names of the signals, strategies or data sets there are, sorted."""
        suffix = _suffix(folder)
        paths = (self.root / folder).glob(f"*{suffix}")
        return sorted(p.stem for p in paths if _NAME.fullmatch(p.stem))

    def misnamed(self, folder: str) -> list[Path]:
        """Files of signals, strategies or data sets whose name none may have, sorted."""
        suffix = _suffix(folder)
        return sorted(
            path
            for path in (self.root / folder).glob("*.*")
            if path.suffix.lower() == suffix
            and not path.name.startswith((".", "__"))
            and not (path.suffix == suffix and _NAME.fullmatch(path.stem))
        )

    def path(self, folder: str, name: str) -> Path:
        """The file of a signal, strategy or data set.

        Raises:
            UnknownNameError: there is none of that name; the message has the nearest one.
        """
        if name not in self.names(folder):
            for path in self.misnamed(folder):
                if name in (path.stem, path.name):
                    raise ParameterError(NAME_RULE, got=repr(name), where=str(path))
            kind = {"datasets": "data set", "strategies": "strategy"}.get(folder, "signal")
            raise unknown(kind, name, self.names(folder))
        return self.root / folder / (name + _suffix(folder))

    def strategy(self, name: str) -> Strategy:
        """The strategy named `name`, with signal, phases and parameters checked."""
        path = self.path("strategies", name)
        return self.checked(load_strategy(path), where=str(path))

    def checked(self, strategy: Strategy, *, where: str) -> Strategy:
        """The strategy, if the workspace's signal has its phases and takes its parameters."""
        try:
            signal = self.signal(strategy.signal)
        except UnknownNameError as error:
            raise placed(error, where) from None
        for phase in (*strategy.phases, *strategy.trade.exit_on):
            if phase not in signal.phases:
                raise unknown(
                    f"phase of signal {strategy.signal}", phase, signal.phases, where=where
                )
        self.detector(strategy, where=where)
        return strategy

    def as_traded(self, dataset: Dataset) -> Dataset:
        """The data set with the costs that a job trades it at: its own."""
        return dataset

    def is_tuned(self, name: str) -> bool:
        """Whether a tuning job wrote this strategy: it runs only when it is asked for by name."""
        with contextlib.suppress(SpecError):
            return "tuned" in read_toml(self.path("strategies", name))
        return False

    def detector(self, strategy: Strategy, *, where: str = "") -> Signal:
        """The strategy's signal with its parameters."""
        kind = self.signal(strategy.signal)
        return build(kind, strategy.params, where=f"{where or strategy.name}, [params]")

    def signal(self, name: str) -> type[Signal]:
        """The signal class in `signals/NAME.py`.

        Raises:
            UnknownNameError: there is no such module.
            SpecError: it comes from elsewhere, cannot be imported, or holds not one signal.
        """
        path = self.path("signals", name)
        module = self._module(f"signals.{name}", path)
        found = [
            item
            for item in vars(module).values()
            if isinstance(item, type)
            and issubclass(item, Signal)
            and item.__module__ == module.__name__
        ]
        if len(found) != 1:
            raise SpecError(
                "a signal module must define exactly one Signal class",
                got=[item.__name__ for item in found] or "none",
                where=str(path),
            )
        return _kept(found[0], path)

    def _module(self, dotted: str, path: Path) -> ModuleType:
        if sys.path[0] != str(self.root):
            sys.path.insert(0, str(self.root))
        loaded = sys.modules.get("signals")
        if loaded and not _comes_from(loaded, self.root / "signals" / "__init__.py"):
            for known in [m for m in sys.modules if m == "signals" or m.startswith("signals.")]:
                del sys.modules[known]
        try:
            module = importlib.import_module(dotted)  # noqa: TID251 - the one place for users' modules
        except (KeyboardInterrupt, MemoryError):
            raise
        except BaseException as error:  # also one that would end the program
            raise SpecError(
                f"cannot import the signal: {type(error).__name__}: {error}",
                where=str(path),
            ) from error
        if not _comes_from(module, path):
            raise SpecError(
                "the signal was imported from elsewhere",
                got=getattr(module, "__file__", None),
                where=str(path),
                hint="another package named signals is in the way; remove it from the path",
            )
        return module


def find_workspace(start: Path | None = None) -> Workspace:
    """The nearest workspace from `start` (the current folder) upward, else the stock one."""
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        settings = _settings(folder / "pyproject.toml")
        if settings is not None:
            return Workspace(folder, folder, settings)
    return Workspace(stock_root(), here, Settings())


def stock_root() -> Path:
    """The stock workspace: carried by the wheel, or the repository of an editable install."""
    package = Path(__file__).resolve().parents[1]
    stock = package / "stock"
    return stock if stock.is_dir() else package.parents[1]


def init_workspace(target: Path) -> list[Path]:
    """A new workspace in `target`: the stock folders and a `pyproject.toml`.

    Returns:
        The folders and files made.

    Raises:
        ParameterError: one of them is there already; nothing is written.
        StoreError: the folder cannot be written.
    """
    made = [target / name for name in (*FOLDERS, "pyproject.toml")]
    try:
        there = [str(path) for path in made if path.exists()]
    except OSError as error:
        raise StoreError(
            "cannot write to the folder", got=reason(error), where=str(target)
        ) from error
    if there:
        raise ParameterError(
            "the folder is not empty",
            got=", ".join(there),
            where=str(target),
            hint="choose an empty folder",
        )
    with filled(target) as stage:
        for name in FOLDERS:
            shutil.copytree(
                stock_root() / name, stage / name, ignore=shutil.ignore_patterns(*_PRODUCED)
            )
        (stage / "pyproject.toml").write_text(_PYPROJECT)
        if not (target / ".gitignore").exists():
            (stage / ".gitignore").write_text("datasets/store/\nreports/runs/\n__pycache__/\n")
    return made


_PYPROJECT = """\
# A fadefollow workspace: signals/, strategies/, datasets/ and reports/ beside this file.
[tool.fadefollow]
default_dataset = "lab_market"
"""


def _settings(path: Path) -> Settings | None:
    try:
        if not path.is_file():
            return None
        text = path.read_text("utf-8", errors="replace")
    except OSError:
        return None
    try:
        tools = read_toml(path).get("tool")
    except SpecError:
        if "[tool.fadefollow]" in text:
            raise
        return None  # somebody else's broken file is not ours to judge
    table = tools.get("fadefollow") if isinstance(tools, dict) else None
    if table is None:
        return None
    return build(Settings, table, where=f"{path}, [tool.fadefollow]")


def _suffix(folder: str) -> str:
    return ".py" if folder == "signals" else ".toml"


def _kept(kind: type[Signal], path: Path) -> type[Signal]:
    """The class, if it keeps the contract of signals as far as that shows before it runs."""
    if "detect" in kind.__abstractmethods__:
        raise SpecError("a signal must define detect(market)", got="none", where=str(path))
    phases = getattr(kind, "phases", None)
    if not isinstance(phases, Mapping):
        raise SpecError(
            "a signal must declare its phases, each with the streams that it needs",
            got="none" if phases is None else repr(phases),
            where=str(path),
            hint='such as phases: ClassVar[…] = {"crowded_long": ("perp", "funding")}',
        )
    for phase, needs in phases.items():
        if not isinstance(needs, tuple | list) or not all(isinstance(n, str) for n in needs):
            raise SpecError(
                f"phase {phase!r} must name the streams that it needs, in a tuple",
                got=repr(needs),
                where=str(path),
            )
    return kind


def _comes_from(module: ModuleType, path: Path) -> bool:
    origin = getattr(module, "__file__", None)
    return origin is not None and Path(origin).resolve() == path.resolve()
