"""What history says: which run speaks, and how far it speaks for the scan."""

from __future__ import annotations

import hashlib
import math
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from fadefollow.core.notes import Note
from fadefollow.errors import ParameterError, StoreError
from fadefollow.market.datasets.dataset import Dataset
from fadefollow.results.stored_run import StoredRun
from fadefollow.scanning.history import History
from fadefollow.scanning.model import Standing
from fadefollow.workspace import Workspace
from tests.support.scan_cases import STANCE, made_workspace, put_run, verdict

NAME, PHASE = "follow_spot_led", "spot_led_up"
TIME = pd.Timestamp("2024-02-10", tz="UTC")
OURS = verdict(NAME, PHASE)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return made_workspace(tmp_path / "mine")


def asked(
    workspace: Workspace,
    *,
    simulated: bool = False,
    name: str = "demo",
    fingerprint: str = "abc",
    strategy: str = NAME,
    phase: str = PHASE,
    time: pd.Timestamp = TIME,
    **more: Any,
) -> tuple[Standing, list[Note]]:
    data = Dataset(name, "Demo", pd.Timedelta(hours=1), simulated, fingerprint, {})
    history = History(workspace, data, (name,), time, **more)
    bet = workspace.strategy(strategy)
    return history.standing((bet, workspace.detector(bet)), phase), history.skipped


def test_without_a_run_it_says_which_would_measure_it(workspace: Workspace) -> None:
    standing, skipped = asked(workspace)
    assert not standing.measured
    assert standing.to_dict() == {
        "strategy": NAME,
        "phase": PHASE,
        "run": None,
        "measure": "fadefollow run follow_spot_led --dataset demo",
    }
    assert skipped == []


def test_the_verdict_comes_with_its_uncertainty(workspace: Workspace) -> None:
    put_run(workspace, "20240301T000000Z-demo", OURS)
    standing, _ = asked(workspace)
    told = standing.to_dict()
    assert told["follow"] == {
        "outright": {
            "word": "pays",
            "n_trades": 40,
            "mean_net_bps": 12.5,
            "ci_bps": [1.0, 24.0],  # the one that its word is read from
            "p_adjusted": 0.04,
            "detectable_bps": standing.detectable_bps,
        },
        "hedged": None,
    }
    assert told["fade"] == {"outright": None, "hedged": None}
    assert (told["claim"], told["fate"], told["fate_book"]) == ("follow", "supported", "outright")
    assert told["fates"] == {"outright": "supported"}
    assert told["run"] == "20240301T000000Z-demo"
    assert (told["first"], told["last"]) == ("2024-01-01 00:00", "2024-02-09 23:00")
    assert math.isnan(standing.detectable_bps)
    assert standing.report == workspace.runs / "20240301T000000Z-demo" / "report.html"
    assert standing.caveats == ()


def test_the_book_that_speaks_is_shown_and_the_other_is_told(workspace: Workspace) -> None:
    """Refuted against the market where following loses; outright nothing is decided."""
    hedged = {"word": "loses", "mean_net_bps": -9.0, "band_bps": [-15.0, -3.0]}
    still = {"word": "open", "band_bps": [-40.0, 65.0], "detectable_bps": 80.0}
    row = verdict(
        NAME,
        PHASE,
        "refuted",
        fate_book="hedged",
        fates={"outright": "open", "hedged": "refuted"},
        follow={
            "outright": {**STANCE, **still},
            "hedged": {**STANCE, **hedged, "detectable_bps": 7.0},
        },
        settle={"multiple": 3.0, "book": "outright"},
    )
    put_run(workspace, "20240301T000000Z-demo", row)
    standing, _ = asked(workspace)
    assert (standing.fate, standing.speaking) == ("refuted", "hedged")
    assert standing.follow is not None
    assert (standing.follow.word, standing.follow.ci_bps) == ("loses", (-15.0, -3.0))
    assert standing.tried["follow", "outright"].word == "open"
    assert standing.detectable_bps == 7.0
    assert standing.to_dict()["settle"] == {"multiple": 3.0, "book": "outright"}


def test_another_claim_and_another_smallest_edge_are_said(workspace: Workspace) -> None:
    put_run(
        workspace,
        "20240301T000000Z-demo",
        verdict(NAME, PHASE, claim="fade"),
        changes={f"strategies.{NAME}.smallest_bps": 5.0},
    )
    assert asked(workspace)[0].caveats == (
        "of another claim: it was fade, is follow",
        "of other settings: smallest_bps was 5.0, is 20.0",  # the workspace's, as the file has none
    )


def test_the_newest_run_on_the_same_data_speaks_and_only_where_it_judged_the_phase(
    workspace: Workspace,
) -> None:
    put_run(workspace, "20240301T000000Z-old", verdict(NAME, PHASE, "fade"))
    put_run(workspace, "20240302T000000Z-new", OURS)
    put_run(workspace, "20240303T000000Z-other-phase", verdict(NAME, "spot_led_down"))
    put_run(workspace, "20240304T000000Z-other-strategy", verdict("fade_doors", "long_door"))
    put_run(workspace, "20240305T000000Z-split", verdict(NAME, PHASE, split="coin=BTC"))
    put_run(workspace, "20240306T000000Z-elsewhere", OURS, dataset="elsewhere")
    assert asked(workspace)[0].run == "20240302T000000Z-new"


def test_other_real_data_speak_where_nothing_else_does_and_it_is_said(workspace: Workspace) -> None:
    put_run(workspace, "20240301T000000Z-a", OURS, dataset="elsewhere")
    standing, _ = asked(workspace)
    assert (standing.run, standing.dataset) == ("20240301T000000Z-a", "elsewhere")
    assert standing.caveats == ("of other data: elsewhere",)


@pytest.mark.parametrize(("source", "simulated"), [("lab", False), ("files", True)])
def test_simulated_and_real_coins_never_speak_for_each_other(
    workspace: Workspace, source: str, simulated: bool
) -> None:
    run = put_run(workspace, "20240301T000000Z-demo", OURS, source=source)
    assert not asked(workspace, simulated=simulated)[0].measured
    with pytest.raises(ParameterError, match="simulated"):
        asked(workspace, simulated=simulated, run=run)
    assert asked(workspace, simulated=not simulated, run=run)[0].measured


def test_another_lab_does_not_speak_and_another_simulation_of_it_is_said(
    workspace: Workspace,
) -> None:
    put_run(workspace, "20240301T000000Z-lab", OURS, source="lab", dataset="lab")
    assert not asked(workspace, simulated=True, name="lab_null")[0].measured
    assert asked(workspace, simulated=True, name="lab")[0].caveats == ()
    other, _ = asked(workspace, simulated=True, name="lab", fingerprint="xyz")
    assert other.caveats == ("of another simulation that was called lab",)


def test_the_run_asked_for_speaks_and_no_other(workspace: Workspace) -> None:
    old = put_run(workspace, "20240301T000000Z-old", OURS)
    put_run(workspace, "20240302T000000Z-new", OURS, verdict("fade_doors", "long_door"))
    assert asked(workspace, run=old)[0].run == old.name
    assert not asked(workspace, run=old, strategy="fade_doors", phase="long_door")[0].measured


# ------------------------------------------------------------------------------------ less than it


def test_other_settings_and_other_code_are_said(workspace: Workspace) -> None:
    strategy = f"strategies.{NAME}"
    put_run(
        workspace,
        "20240301T000000Z-demo",
        OURS,
        changes={
            f"{strategy}.title": "Another title",
            f"{strategy}.trade.hold_hours": 48.0,
            f"{strategy}.trade.stop": 0.1,
            "signals.doors.sha256": "0",
        },
    )
    assert asked(workspace)[0].caveats == (
        "of other settings: trade.hold_hours was 48.0, is 24.0, trade.stop was 0.1, is not set",
        "of other code: signals/doors.py was changed since",
    )


def test_changes_of_the_workspace_are_seen_as_well(workspace: Workspace) -> None:
    put_run(workspace, "20240301T000000Z-demo", OURS)
    path = workspace.path("strategies", NAME)
    path.write_text(re.sub("(?m)^flat = .*$", "flat = 0.5", path.read_text("utf-8")))
    signal = workspace.path("signals", "doors")
    signal.write_text(signal.read_text("utf-8") + "\n# more\n")
    said = asked(workspace)[0].caveats
    assert "params.flat was 1.0, is 0.5" in said[0]
    assert said[1] == "of other code: signals/doors.py was changed since"


def test_code_that_a_signal_imports_counts_as_its_own(workspace: Workspace) -> None:
    watch = verdict("selloff_watch", "selloff_watch", claim="fade")
    files = sorted((workspace.root / "signals").glob("*.py"))
    shas = {f"signals.{f.stem}.sha256": hashlib.sha256(f.read_bytes()).hexdigest() for f in files}
    put_run(workspace, "20240301T000000Z-demo", watch, changes=shas)
    question: dict[str, Any] = {"strategy": "selloff_watch", "phase": "selloff_watch"}
    assert asked(workspace, **question)[0].caveats == ()
    path = workspace.path("signals", "funding")
    path.write_text(path.read_text("utf-8") + "\n# more\n")
    assert asked(workspace, **question)[0].caveats == (
        "of other code: signals/funding.py was changed since",
    )


def test_other_costs_of_the_data_set_and_a_look_ahead_are_said(workspace: Workspace) -> None:
    changes = {"dataset.settings.costs.fee": 0.001, "run.revised": True}
    put_run(workspace, "20240301T000000Z-demo", OURS, changes=changes)
    assert asked(workspace)[0].caveats == (
        "a look-ahead: it took records as they were revised later",
        "of other settings: dataset.costs.fee was 0.001, is not set",
    )


@pytest.mark.parametrize(
    ("last", "hindsight"),
    [
        ("2024-02-09 23:00", False),  # its last bar closes at the scan's time
        ("2024-02-10 00:00", True),
    ],
)
def test_what_a_run_saw_after_the_scans_time_is_hindsight(
    workspace: Workspace, last: str, hindsight: bool
) -> None:
    put_run(workspace, "20240301T000000Z-demo", OURS, last=last)
    said = asked(workspace)[0].caveats
    wanted = f"hindsight: it saw data until {last}, after this scan's time"
    assert said == ((wanted,) if hindsight else ())


# ------------------------------------------------------------------------------------------ tuning


def tuned(workspace: Workspace, *, fingerprint: str = "abc") -> str:
    """A tuned strategy's file beside the original; its name."""
    text = workspace.path("strategies", NAME).read_text("utf-8")
    text += f"""
[tuned]
original = "{NAME}"
dataset = "demo"
fingerprint = "{fingerprint}"
until = "2024-02-01T00:00:00Z"
stance = "follow"
objective = "t"
trials = 40
"""
    (workspace.root / "strategies" / f"{NAME}_tuned.toml").write_text(text)
    return f"{NAME}_tuned"


def job(name: str) -> dict[str, Any]:
    return {"tuned": f"strategies/{name}.toml", "strategy": NAME}


def test_a_tuning_job_speaks_for_the_strategy_it_wrote_and_for_no_other(
    workspace: Workspace,
) -> None:
    name = tuned(workspace)
    put_run(workspace, "20240301T000000Z-tune", OURS, tuning=job(name))
    assert not asked(workspace)[0].measured
    standing, _ = asked(workspace, strategy=name)
    assert standing.run == "20240301T000000Z-tune"
    assert standing.caveats == ("out of sample: parameters chosen anew in each stretch",)
    put_run(workspace, "20240302T000000Z-tune", OURS, tuning={"tuned": None, "strategy": NAME})
    put_run(workspace, "20240303T000000Z-tune", OURS, tuning=job(f"{name}_2"))
    assert asked(workspace, strategy=name)[0].run == "20240301T000000Z-tune"


def test_what_the_tuner_did_not_choose_must_be_the_same_and_the_code_as_well(
    workspace: Workspace,
) -> None:
    name = tuned(workspace)
    path = workspace.path("strategies", name)
    # hold_hours was searched, the stop was not
    text = re.sub("(?m)^hold_hours = .*$", "hold_hours = 48\nstop = 0.1", path.read_text("utf-8"))
    path.write_text(text)
    put_run(
        workspace,
        "20240301T000000Z-tune",
        OURS,
        tuning=job(name),
        changes={"signals.doors.sha256": "0"},
    )
    assert asked(workspace, strategy=name)[0].caveats == (
        "out of sample: parameters chosen anew in each stretch",
        "of other settings: trade.stop was not set, is 0.1",
        "of other code: signals/doors.py was changed since",
    )


def test_a_tuning_job_on_other_data_than_the_file_says_does_not_speak(workspace: Workspace) -> None:
    name = tuned(workspace, fingerprint="xyz")
    put_run(workspace, "20240301T000000Z-tune", OURS, tuning=job(name))
    assert not asked(workspace, strategy=name)[0].measured


def test_of_a_tuned_strategy_out_of_sample_comes_before_in_sample(workspace: Workspace) -> None:
    name = tuned(workspace)
    put_run(workspace, "20240302T000000Z-run", verdict(name, PHASE))
    assert asked(workspace, strategy=name)[0].caveats == (
        "in sample until 2024-02-01: its parameters were chosen on demo",
    )
    put_run(workspace, "20240301T000000Z-tune", OURS, tuning=job(name))
    assert asked(workspace, strategy=name)[0].run == "20240301T000000Z-tune"


# ---------------------------------------------------------------------------------- damaged folders


@pytest.mark.parametrize(
    "damage",
    [
        ("result.json", "{"),
        ("result.json", "[]"),
        ("result.json", '{"schema": 3}'),
        ("config.toml", "x ="),
        ("config.toml", None),
        ("result.json", b"\xff\xfe"),
    ],
)
def test_a_damaged_run_is_left_out_and_said(
    workspace: Workspace, damage: tuple[str, str | bytes | None]
) -> None:
    put_run(workspace, "20240301T000000Z-good", OURS)
    bad = put_run(workspace, "20240302T000000Z-bad", OURS)
    name, text = damage
    (bad / name).unlink()
    if text is not None:
        (bad / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    standing, skipped = asked(workspace)
    assert standing.run == "20240301T000000Z-good"
    assert len(skipped) == 1
    assert (skipped[0].code, skipped[0].figures["run"]) == ("run-unreadable", bad.name)
    rule = "cannot read the run|valid TOML|later version|no config.toml"
    with pytest.raises(StoreError, match=rule):
        asked(workspace, run=bad)


@pytest.mark.parametrize(
    "change",
    [
        {"follow": {"outright": {**STANCE, "band_bps": "wide"}, "hedged": None}},
        {"fates": None},
        {"follow": {}},
        {"symbols": None},
    ],
)
def test_a_row_that_makes_no_sense_is_left_out_too(
    workspace: Workspace, change: dict[str, Any]
) -> None:
    put_run(workspace, "20240301T000000Z-good", OURS)
    put_run(workspace, "20240302T000000Z-bad", {**OURS, **change})
    standing, skipped = asked(workspace)
    assert (standing.run, len(skipped)) == ("20240301T000000Z-good", 1)


def test_a_stored_run_is_read_as_it_is(workspace: Workspace) -> None:
    folder = put_run(workspace, "20240301T000000Z-demo", OURS, tuning=job("x"))
    run = StoredRun(folder)
    assert (run.dataset, run.fingerprint, run.simulated) == ("demo", "abc", False)
    assert (run.range, run.tuned) == (("2024-01-01 00:00", "2024-02-09 23:00"), ("x", NAME))
