"""`fadefollow data record` as a person meets it, against the replay exchange."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from fadefollow.cli.app import app, main
from fadefollow.market.store.store import Store
from tests.cli.test_fetch import start, workspace
from tests.support.exchange.replay import Replay


@pytest.fixture(scope="module")
def exchange() -> Iterator[Replay]:
    running = Replay(days=20, coins=["BTC"])
    yield running
    running.close()


@pytest.fixture
def inside(exchange: Replay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = workspace(exchange, tmp_path / "mine")
    monkeypatch.chdir(root)
    exchange.control(seconds=60)
    return root


RECORD = ("data", "record", "bybit", "BTC", "--streams", "contract,brackets")


def test_a_round_is_told_in_words_or_as_json(inside: Path, exchange: Replay) -> None:
    done = CliRunner().invoke(app, [*RECORD, "--once"])
    assert done.exit_code == 0, done.output
    at = f"{exchange.now.floor('s'):%Y-%m-%d %H:%M:%S}"
    assert f"{at} UTC  BTC: contract 1, brackets 2" in done.stdout
    exchange.control(seconds=60)
    done = CliRunner().invoke(app, [*RECORD, "--once", "--json"])
    told: dict[str, Any] = json.loads(done.stdout)
    assert told == {
        "taken": exchange.now.floor("s").isoformat(),
        "records": {},
        "unchanged": {"BTC": ["contract", "brackets"]},
        "missed": [],
        "next": None,
    }


def test_ctrl_c_ends_a_recorder_between_its_rounds(inside: Path, exchange: Replay) -> None:
    process = start(*RECORD, "--every", "1h", "--json", cwd=inside)
    assert process.stdout is not None
    first = json.loads(process.stdout.readline())
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert "each round before is stored whole" in err
    assert first["records"] == {"BTC": {"contract": 1, "brackets": 2}}
    assert first["next"] == exchange.now.ceil("h").isoformat()
    manifest = Store(inside / "datasets" / "store").read("bybit")
    assert {name: e.rows for name, e in manifest.tables["BTC"].items()} == first["records"]["BTC"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["bybit", "BTC", "--every", "7h"], "--every must divide a day; got '7h'"),
        (["bybit", "BTC", "--once", "--streams", "perp"], "perp of Bybit cannot be recorded"),
        (["binance", "BTC", "--once", "--streams", "brackets"], "FADEFOLLOW_BINANCE_KEY"),
        (["lab", "BTC", "--once"], 'must have source = "fetch"'),
        (["nowhere", "BTC", "--once"], "nowhere"),
    ],
)
def test_ugly_input_gets_one_plain_message(
    words: list[str],
    said: str,
    inside: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.argv", ["fadefollow", "data", "record", *words])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    assert said in capsys.readouterr().err
    assert Store(inside / "datasets" / "store").datasets() == ()
