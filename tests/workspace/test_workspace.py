"""Finding a workspace, its signals and strategies; making a new one."""

from __future__ import annotations

import errno
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from fadefollow.errors import ParameterError, SpecError, StoreError, UnknownNameError
from fadefollow.jobs import datasets as opening
from fadefollow.market.panel import Market
from fadefollow.workspace import find_workspace, init_workspace, stock_root
from fadefollow.workspace.scaffold import write_signal, write_strategy


@pytest.fixture
def market() -> Market:
    opened = pd.date_range("2021-01-01", periods=3, freq="1h", tz="UTC")
    perp = pd.DataFrame({"time": opened, "available": opened + pd.Timedelta("1h")})
    for column in ("open", "high", "low", "close", "volume"):
        perp[column] = 1.0
    return Market("BTC", bar=pd.Timedelta("1h"), tables={"perp": perp})


@pytest.fixture
def workspace(tmp_path: Path):
    init_workspace(tmp_path / "mine")
    return find_workspace(tmp_path / "mine")


def test_the_nearest_workspace_upward_is_found(workspace) -> None:
    inner = workspace.root / "strategies"
    assert find_workspace(inner).root == workspace.root


def test_a_project_without_the_table_is_no_workspace(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    found = find_workspace(tmp_path)
    assert found.root == stock_root()
    assert found.output == tmp_path
    assert found.runs == tmp_path / "reports" / "runs"


def test_a_setting_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.fadefollow]\ndefault_datset = 'x'\n")
    with pytest.raises(UnknownNameError, match="did you mean 'default_dataset'"):
        find_workspace(tmp_path)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("seed = -1", "seed"),
        ("alpha = 0.0", "alpha"),
        ("alpha = nan", "alpha"),
        ("smallest_bps = 0", "smallest_bps"),
        ("smallest_bps = nan", "smallest_bps"),
        ("placebo_draws = 3", "placebo_draws"),
        ("default_dataset = 5", "default_dataset"),
        (f"seed = {'9' * 5000}", "64 bits"),
        (f"seed = 0x{'f' * 5000}", "64 bits"),
    ],
)
def test_a_setting_out_of_its_bounds_is_refused(tmp_path: Path, line: str, says: str) -> None:
    (tmp_path / "pyproject.toml").write_text(f"[tool.fadefollow]\n{line}\n")
    with pytest.raises(SpecError, match=says) as caught:
        find_workspace(tmp_path)
    assert len(str(caught.value)) < 500 + len(str(tmp_path))


def test_a_table_of_settings_must_be_one(tmp_path: Path) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_text("[tool]\nfadefollow = 5\n")
    with pytest.raises(SpecError, match=r"\[tool.fadefollow\]: this must be a table; got 5"):
        find_workspace(tmp_path)
    path.write_text("tool = 5\n")
    assert find_workspace(tmp_path).root == stock_root()


def _pipe(path: Path) -> None:
    os.mkfifo(path)


#: how a strategy's file is spoilt → what is said
SPOILT = {
    "64 bits": lambda path: path.write_text(path.read_text() + f"\n[costs]\nx = {'9' * 5000}\n"),
    "too deeply": lambda path: path.write_text(f"x = {'[' * 5000}{']' * 5000}\n"),
    "pipe": _pipe,
    "folder": Path.mkdir,
    "No such file": lambda path: path.symlink_to("nowhere.toml"),
    "UTF-8": lambda path: path.write_bytes(b"title = '\xff'\n"),
}


@pytest.mark.parametrize("says", SPOILT)
def test_a_file_that_is_no_toml_is_refused_at_once(workspace, says: str) -> None:
    path = workspace.root / "strategies" / "fade_fuel.toml"
    if says in ("pipe", "folder", "No such file"):
        path.unlink()
    SPOILT[says](path)
    with pytest.raises(SpecError, match=says):
        workspace.strategy("fade_fuel")


def test_a_file_with_a_mark_of_its_encoding_is_read(workspace) -> None:
    path = workspace.root / "strategies" / "fade_fuel.toml"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert workspace.strategy("fade_fuel").signal == "liquidations"


BARE = """
from typing import Any, ClassVar
from fadefollow.phases import Phases, Signal

class Bare(Signal):
    phases: ClassVar = {"bare": ("perp",)}
    def detect(self, market):
        return Phases.of(market, signal="bare", events=[])
"""


def test_detect_is_all_that_a_signal_must_have(workspace, market) -> None:
    (workspace.root / "signals" / "bare.py").write_text(BARE)
    signal = workspace.signal("bare")()
    assert signal.features(market) == {}
    assert len(signal.detect(market)) == 0


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("def detect", "def found", "define detect"),
        ('phases: ClassVar = {"bare": ("perp",)}', "pass", "declare its phases"),
        ('{"bare": ("perp",)}', "5", "declare its phases"),
        ('("perp",)', '"perp"', "in a tuple; got 'perp'"),
        ("from typing", "raise SystemExit\nfrom typing", "cannot import the signal: SystemExit"),
        (
            "from typing",
            "raise BaseException(1)\nfrom typing",
            "cannot import the signal: BaseException: 1",
        ),
    ],
)
def test_a_module_that_is_no_signal_is_refused(workspace, old: str, new: str, says: str) -> None:
    (workspace.root / "signals" / "bare.py").write_text(BARE.replace(old, new))
    with pytest.raises(SpecError, match=says):
        workspace.signal("bare")


def test_a_new_workspace_has_what_is_versioned_and_nothing_produced(workspace) -> None:
    assert "funding" in workspace.names("signals")
    assert "fade_crowded_funding" in workspace.names("strategies")
    assert "lab" in workspace.names("datasets")
    assert not (workspace.root / "datasets" / "store").exists()
    assert not (workspace.root / "reports" / "runs").exists()


def test_a_new_workspace_overwrites_nothing(workspace) -> None:
    with pytest.raises(ParameterError, match=r"not empty|exists already"):
        init_workspace(workspace.root)


def test_unknown_names_are_answered_with_the_nearest(workspace) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'funding'"):
        workspace.signal("fundng")
    with pytest.raises(UnknownNameError, match="did you mean 'fade_crowded_funding'"):
        workspace.strategy("fade_crowded_fundings")
    with pytest.raises(UnknownNameError, match="data set"):
        workspace.path("datasets", "../../etc/passwd")


def test_signals_come_from_their_own_workspace(workspace, tmp_path: Path) -> None:
    assert Path(str(sys.modules[workspace.signal("funding").__module__].__file__)).is_relative_to(
        workspace.root
    )
    init_workspace(tmp_path / "other")
    other = find_workspace(tmp_path / "other")
    kind = other.signal("funding")
    assert Path(str(sys.modules[kind.__module__].__file__)).is_relative_to(other.root)


def test_a_signal_module_that_does_not_import_is_named(workspace) -> None:
    (workspace.root / "signals" / "broken.py").write_text("import nothing_like_this\n")
    with pytest.raises(SpecError, match=r"cannot import .*nothing_like_this"):
        workspace.signal("broken")


def test_a_signal_module_without_a_signal_is_refused(workspace) -> None:
    (workspace.root / "signals" / "empty.py").write_text("x = 1\n")
    with pytest.raises(SpecError, match="exactly one Signal class"):
        workspace.signal("empty")


def test_a_parameter_out_of_bounds_is_refused(workspace) -> None:
    path = workspace.root / "strategies" / "fade_crowded_funding.toml"
    path.write_text(path.read_text().replace("quantile = 0.95", "quantile = 1.5"))
    with pytest.raises(ParameterError, match=r"quantile must be between 0.8 and 0.995.*1.5"):
        workspace.strategy("fade_crowded_funding")


def test_an_unknown_parameter_or_phase_is_refused(workspace) -> None:
    path = workspace.root / "strategies" / "fade_crowded_funding.toml"
    text = path.read_text()
    path.write_text(text.replace("floor_bps = 1.5", "flor_bps = 1.5"))
    with pytest.raises(UnknownNameError, match="did you mean 'floor_bps'"):
        workspace.strategy("fade_crowded_funding")
    path.write_text(text.replace('"crowded_short"', '"crowded_shorts"'))
    with pytest.raises(UnknownNameError, match="did you mean 'crowded_short'"):
        workspace.strategy("fade_crowded_funding")


def test_a_signal_survives_a_worker_that_knows_no_workspace(workspace, tmp_path: Path) -> None:
    signal = workspace.signal("funding")(quantile=0.9)
    (tmp_path / "signal.pickle").write_bytes(pickle.dumps(signal))
    code = (
        "import pickle, sys, pathlib;"
        "s = pickle.loads(pathlib.Path(sys.argv[1]).read_bytes());"
        "print(type(s).__module__, s.quantile)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "signal.pickle")],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=True,
    )
    assert done.stdout.split() == ["signals.funding", "0.9"]


def test_new_files_load_and_are_not_overwritten(workspace) -> None:
    write_signal(workspace, "my_pump")
    assert set(workspace.signal("my_pump").phases) == {"my_pump_up"}
    write_strategy(workspace, "fade_my_pump", "my_pump")
    assert workspace.strategy("fade_my_pump").phases == ("my_pump_up",)
    with pytest.raises(ParameterError, match=r"not empty|exists already"):
        write_strategy(workspace, "fade_my_pump", "my_pump")
    with pytest.raises(ParameterError, match="lower-case"):
        write_signal(workspace, "../evil")


FULL = OSError(errno.ENOSPC, "No space left on device")


def full_disk(*args: object, **kwargs: object) -> None:
    raise FULL


@pytest.mark.parametrize("there", [True, False])
def test_a_full_disk_leaves_no_half_workspace(tmp_path: Path, monkeypatch, there: bool) -> None:
    target, count = tmp_path / "new" / "mine", 0
    real: Any = shutil.copy2
    if there:
        target.mkdir(parents=True)
        (target / ".gitignore").write_text("mine")

    def full_after_three(source: str, to: str, **kwargs: object) -> object:
        nonlocal count
        count += 1
        if count > 3:
            full_disk()
        return real(source, to, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(
            shutil.copytree, "__defaults__", (False, None, full_after_three, False, False)
        )
        with pytest.raises(StoreError, match=r"cannot write .*No space left on device"):
            init_workspace(target)
    assert count >= 4
    assert sorted(tmp_path.rglob("*")) == sorted(
        [target.parent, target, target / ".gitignore"] if there else []
    )
    init_workspace(target)
    assert "funding" in find_workspace(target).names("signals")
    assert not there or (target / ".gitignore").read_text() == "mine"


def test_a_full_disk_leaves_no_half_signal(workspace, monkeypatch) -> None:
    before = sorted((workspace.root / "signals").iterdir())
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full_disk)
        with pytest.raises(StoreError, match="No space left"):
            write_signal(workspace, "my_pump")
    assert sorted((workspace.root / "signals").iterdir()) == before
    write_signal(workspace, "my_pump")


def test_a_full_disk_leaves_no_half_sample(workspace, tmp_path: Path, monkeypatch) -> None:
    table = pd.DataFrame({"close": [1.0]})
    market = SimpleNamespace(streams=("perp",), table=lambda _: table)
    truth = SimpleNamespace(to_parquet=full_disk)
    dataset = SimpleNamespace(markets={"BTC": market}, truth=truth)
    monkeypatch.setattr(opening, "open_named", lambda *_: dataset)
    with pytest.raises(StoreError, match="No space left"):
        opening.sample(workspace, "lab", tmp_path / "sample")
    assert not (tmp_path / "sample").exists()
    dataset.truth = None
    written = opening.sample(workspace, "lab", tmp_path / "sample")
    assert written == [p for p in (tmp_path / "sample").rglob("*") if p.is_file()]
    assert written == [tmp_path / "sample" / "BTC" / "perp.parquet"]
