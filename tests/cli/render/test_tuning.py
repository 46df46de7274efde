"""A tuning job in the terminal: within 80 columns, and hostile names are no markup."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fadefollow.cli.render.tuning import show_tuning
from fadefollow.tuning.model import Tuning
from tests.support.tuning_cases import all_failed, tune, tuned_run

FOLDER = Path("reports/runs/x")


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def said(job: Tuning, capsys: pytest.CaptureFixture[str]) -> list[str]:
    show_tuning(job, tuned_run(), FOLDER)
    return capsys.readouterr().out.splitlines()


def test_terminal_shows_folds_then_the_answer_then_the_paths(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = said(tune(), capsys)
    assert max(map(len, lines)) <= 80
    folds = [line.split() for line in lines if " % " in line and "—" not in line]
    assert folds[0] == [
        "1",
        "2022-05-02",
        "2022-08-31",
        "120",
        "2.26",
        "1.09",
        "23",
        "0.57",
        "44",
        "%",
    ]
    text = " ".join(" ".join(lines).split())
    assert "Out of sample, tuned fading of crowded shorts is not shown to pay" in text
    assert "over 145 trades: 16\u202f% of it was left." in text.replace(" %", "\u202f%")
    assert "chosen on all data: strategies/fade_crowded_funding.tuned.toml" in lines
    assert "report: reports/runs/x/report.html" in lines


def test_terminal_says_so_where_all_trials_failed(capsys: pytest.CaptureFixture[str]) -> None:
    lines = said(all_failed(), capsys)
    assert max(map(len, lines)) <= 80
    assert "The last search chose nothing: 12 trials: 12 failed." in lines
    assert "Tuning found nothing to trade out of sample" in lines


def test_names_are_not_read_as_terminal_markup(capsys: pytest.CaptureFixture[str]) -> None:
    job = tune()
    name = "[bold]x[/nothing]"
    folds = tuple(replace(f, params={name: name}) for f in job.folds)
    odd = replace(job, folds=folds, space={name: name}, trials=(), strategy=name, tuned=name)
    lines = said(odd, capsys)
    assert f"chosen on all data: {name}" in lines
    assert sum(name in line for line in lines) >= 8
