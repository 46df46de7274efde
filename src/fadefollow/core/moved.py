"""Module paths of earlier versions: an import of one gives the moved module, and a warning."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import warnings
from collections.abc import Sequence
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from types import ModuleType

#: old path → new path, both below `fadefollow`; whatever lies below an old package follows it
MOVED = {
    "again": "jobs.rerun",
    "changed": "jobs.rerun_inputs",
    "commands": "cli.commands",
    "crew": "core.parallel",
    "display": "reporting.notebook.display",
    "events": "phases.events",
    "exporting": "jobs.export",
    "features": "phases.features",
    "guessing": "jobs.infer_mapping",
    "holdout": "workspace.holdout_notes",
    "indicators": "phases.indicators",
    "job": "jobs.run",
    "ledger": "workspace.trial_ledger",
    "making": "jobs.provenance",
    "opening": "jobs.datasets",
    "price_table": "jobs.chart_data",
    "recipe": "jobs.rerun_config",
    "report_job": "jobs.report",
    "runs": "results.find",
    "scaffold": "workspace.scaffold",
    "scan_job": "jobs.scan",
    "secrets": "core.secrets",
    "spec": "core.toml",
    "trusted": "jobs.data_gate",
    "tune_job": "jobs.tune",
    "tune_memory": "jobs.tune_ledger",
    "crew.team": "core.parallel.worker_pool",
    "engine.arrays": "engine.kernels.arrays",
    "engine.bar_arrays": "engine.plans.bar_arrays",
    "engine.basket": "engine.hedge.basket",
    "engine.carry_kernel": "engine.kernels.carry",
    "engine.concatenate": "engine.plans.concatenate",
    "engine.dated": "engine.kernels.dated",
    "engine.dated_kernel": "engine.kernels.future",
    "engine.hedged": "engine.hedge.hedged",
    "engine.hedging": "engine.hedge.hedging",
    "engine.joined": "engine.plans.concatenate",
    "engine.kernel": "engine.kernels.book",
    "engine.plan": "engine.plans.plan",
    "engine.sizing": "engine.plans.sizing",
    "engine.strategy_plan": "engine.plans.strategy_plan",
    "engine.tape": "engine.plans.bar_arrays",
    "market.checks": "market.audit.checks",
    "market.contracts": "phases.dated_contracts",
    "market.coverage": "market.datasets.coverage",
    "market.dataset": "market.datasets.dataset",
    "market.dataset_spec": "market.datasets.spec",
    "market.drift": "market.audit.drift",
    "market.export": "market.datasets.export",
    "market.fetch.believing": "market.fetch.validation",
    "market.files": "market.importing.files",
    "market.gate": "market.audit.gate",
    "market.greeks": "phases.greeks",
    "market.holdout": "market.asof.holdout",
    "market.memo": "core.cache.memo",
    "market.open": "market.datasets.open",
    "market.request": "market.datasets.request",
    "market.revised": "market.asof.revisions",
    "market.spec": "market.datasets.spec",
    "market.universe": "market.asof.universe",
    "market.version": "market.store.manifest",
    "market.vintages": "market.asof.vintages",
    "reporting.differences": "results.diff",
    "reporting.glossary": "reporting.text.glossary",
    "reporting.index": "reporting.pages.index",
    "reporting.load": "results.read",
    "reporting.page": "reporting.pages.page",
    "reporting.record": "results.record",
    "reporting.staging": "core.atomic_folder",
    "reporting.tuning_record": "results.tuning_record",
    "reporting.words": "reporting.text.sentences",
    "tuning.calibrating": "tuning.calibration",
    "tuning.database": "tuning.studies.database",
    "tuning.ground": "tuning.evaluator",
    "tuning.journal": "tuning.studies.journal",
    "tuning.storage": "tuning.studies.storage",
    "tuning.walk": "tuning.walk_forward",
    "verdict.anyhour": "verdict.estimates.anyhour",
    "verdict.bootstrap": "verdict.estimates.bootstrap",
    "verdict.calibrating": "verdict.calibration",
    "verdict.checking": "verdict.lookahead",
    "verdict.daily": "verdict.estimates.daily",
    "verdict.detection": "verdict.calibration.detection",
    "verdict.maxt": "verdict.correction.maxt",
    "verdict.metrics": "verdict.estimates.metrics",
    "verdict.momentum": "verdict.estimates.momentum",
    "verdict.overfit": "verdict.correction.overfit",
    "verdict.placebo": "verdict.placebos",
    "verdict.spa": "verdict.correction.spa",
    "verdict.trials": "workspace.trial_records",
    "verdict.measure": "verdict.run.measure",
    "verdict.parallel_steps": "verdict.run.parallel_steps",
}
_ROOT = "fadefollow."


def moved_to(name: str) -> str | None:
    """The present path of a module, None where it has not moved."""
    old, rest = name.removeprefix(_ROOT), ""
    while old not in MOVED:
        old, dot, last = old.rpartition(".")
        if not dot:
            return None
        rest = f".{last}{rest}"
    return f"{_ROOT}{MOVED[old]}{rest}"


class MovedModules(Loader):
    """A meta path finder and loader: the moved module itself, under its old name too."""

    @classmethod
    def find_spec(
        cls, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """A spec that loads the moved module; None where nothing of this name has moved."""
        new = moved_to(name) if name.startswith(_ROOT) else None
        if new is None or importlib.util.find_spec(new) is None:
            return None
        return ModuleSpec(name, cls(), origin=new)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The moved module, with a warning to whoever imports it by its old path."""
        new = str(spec.origin)
        warnings.warn(f"{spec.name} is now {new}", DeprecationWarning, stacklevel=2)
        module = importlib.import_module(new)
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Give the module back its own spec: it has been executed before."""
        old = module.__spec__
        assert old is not None
        module.__spec__ = old.loader_state


def install() -> None:
    """Put the finder before all others, or a module below an old package would load twice."""
    if MovedModules not in sys.meta_path:
        sys.meta_path.insert(0, MovedModules)
