"""`--every` and its options, as a person meets them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from fadefollow.cli import app as cli
from fadefollow.cli.rounds import print_rounds
from fadefollow.jobs.notifying.rounds import Look, Round
from fadefollow.workspace import init_workspace

Typed = Callable[..., str]
TIME = pd.Timestamp("2024-05-20 17:00:10", tz="UTC")


@pytest.fixture
def refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Typed:
    """What a command that cannot be says; nothing is written."""
    init_workspace(tmp_path / "mine")

    def run(*words: str) -> str:
        monkeypatch.chdir(tmp_path / "mine")
        monkeypatch.setattr(sys, "argv", ["fadefollow", *words])
        assert cli._main() == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert not list((tmp_path / "mine" / "reports").glob("runs/outbox*"))
        return " ".join(err.split())

    return run


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("scan", "--live", "--notify", "desktop:"), "--notify needs --every"),
        (("scan", "--live", "--only-fates", "open"), "--only-fates needs --every"),
        (("scan", "--every", "1h"), "--every needs --live"),
        (("watch", "update", "--every", "7h"), "--every must divide a day"),
        (("watch", "update", "--every", "1h", "--quiet", "late"), "--quiet must be hours of a day"),
        (
            ("watch", "update", "--every", "1h", "--notify", "https://me:s3cret@x.example/"),
            "secrets come from the environment only",
        ),
        (("watch", "update", "--every", "1h", "--only-fates", "good"), "must name fates"),
    ],
)
def test_what_cannot_be_is_refused(refused: Typed, words: tuple[str, ...], message: str) -> None:
    said = refused(*words)
    assert message in said
    assert "s3cret" not in said


def test_rounds_are_printed_as_they_end(capsys: pytest.CaptureFixture[str]) -> None:
    following = TIME + pd.Timedelta(hours=1)
    found, missed = Look((), ("x",)), ("no answer",)
    looked = True
    one = Round(TIME, looked, ("BTC: Ignition",), 1, 2, missed, following, found)
    print_rounds(iter([one]), as_json=False)
    assert capsys.readouterr().out.splitlines() == [
        "2024-05-20 17:00:10 UTC  x",
        "new: BTC: Ignition",
        "missed: no answer",
        "2024-05-20 17:00:10 UTC  1 sent, 2 waiting",
        "next look at 2024-05-20 18:00:10 UTC",
    ]
    print_rounds(iter([one]), as_json=True)
    assert capsys.readouterr().out == (
        '{"time": "2024-05-20T17:00:10+00:00", "looked": true, "present": 0, '
        '"news": ["BTC: Ignition"], "sent": 1, "waiting": 2, "missed": ["no answer"], '
        '"next": "2024-05-20T18:00:10+00:00"}\n'
    )
