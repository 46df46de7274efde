"""`fadefollow data fetch binance-archive --all` as a person meets it, from a mirror folder."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from fadefollow.cli import app as cli
from fadefollow.market.store.store import Store
from fadefollow.workspace import init_workspace
from tests.support.archives.packing import bar_path
from tests.support.archives.universe import archive, wrong_checksum

ALL = ("binance-archive", "--all", "--into", "every", "--streams", "perp,spot,funding")
RANGE = ("--since", "2024-12-01", "--until", "2025-02-02")


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Four coins and the odd ones, one of them damaged; and its symbol."""
    packed = archive(4)
    symbol = wrong_checksum(packed)
    return packed.write(tmp_path_factory.mktemp("mirror")), symbol


class Terminal:
    """One that answers."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
        init_workspace(root)
        monkeypatch.chdir(root)
        self.root, self.monkeypatch, self.capsys = root, monkeypatch, capsys

    def types(self, *words: str, status: int = 0) -> tuple[str, str]:
        self.monkeypatch.setattr(sys, "argv", ["fadefollow", "data", "fetch", *words])
        assert cli._main() == status
        out, err = self.capsys.readouterr()
        return out, err

    @property
    def store(self) -> Store:
        return Store(self.root / "datasets" / "store")


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> Terminal:
    return Terminal(tmp_path / "mine", monkeypatch, capsys)


def test_the_plan_is_shown_and_nothing_is_fetched(terminal, mirror):
    out, err = terminal.types(*ALL, *RANGE, "--mirror", str(mirror[0]), "--match", "C*", "--plan")
    # perp of C00; perp and spot of the others, of which C03 died in December: 2 months and 2 days,
    # twice that for C01 and C02, 2 files for C03; funding 2, 2, 2 and 1
    row = next(line for line in out.splitlines() if "to fetch" in line)
    assert row.split()[:4] == ["to", "fetch", "4", str(4 + 8 + 8 + 2 + 7)]
    said = " ".join(out.split())
    assert "4 coins: C00, C01, C02, C03, 2024-12-01 to 2025-02-03" in said
    assert "1 of them no longer listed" in said
    assert err == ""
    assert terminal.store.datasets() == ()


def test_with_yes_it_is_fetched_and_the_coin_that_fails_is_named(terminal, mirror):
    folder, symbol = mirror
    out, err = terminal.types(*ALL, *RANGE, "--mirror", str(folder), "--match", "C*", "--yes")
    assert f"left out {symbol}: {bar_path('perp', '2024-12', symbol)}" in out.replace("\n", "")
    assert "3 coins stored, 0 stored before" in out
    assert "next: fadefollow run --dataset every" in out
    assert err == ""
    manifest = terminal.store.read("every")
    assert sorted(manifest.tables) == ["C00", "C01", "C03"]
    # again: only the damaged one is tried
    out, _ = terminal.types(
        *ALL, *RANGE, "--mirror", str(folder), "--match", "C*", "--yes", "--json"
    )
    told = json.loads(out)
    assert (told["coins"], told["unchanged"]) == ([], ["C00", "C01", "C03"])
    assert (list(told["failed"]), told["files"]) == ([symbol], 0)
    assert told["fingerprint"] == manifest.fingerprint


def test_the_plan_as_json(terminal, mirror):
    words = (*ALL, *RANGE, "--mirror", str(mirror[0]), "--match", "*PEPE*", "--plan", "--json")
    told = json.loads(terminal.types(*words)[0])
    assert (told["coins"], told["files"], told["stored"]) == (1, 10, 0)
    (coin,) = told["by_coin"]
    assert (coin["coin"], coin["symbol"], coin["first"]) == ("PEPE", "1000PEPEUSDT", "2024-12-01")


@pytest.mark.parametrize(("answer", "stored"), [("n", ()), ("y", ("every",))])
def test_a_person_is_asked(answer, stored, terminal, mirror, monkeypatch):
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    asked: list[str] = []

    def confirm(text: str, *, err: bool) -> bool:
        asked.append(text)
        return answer == "y"

    monkeypatch.setattr("typer.confirm", confirm)
    words = (*ALL, *RANGE, "--mirror", str(mirror[0]), "--match", "C00*")
    _, err = terminal.types(*words)
    assert asked == ["Fetch them?"]
    assert ("nothing was fetched" in err) == (answer == "n")
    assert terminal.store.datasets() == stored


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["binance-archive", "--all"], "must be confirmed with --yes where nobody can be asked"),
        (["binance-archive", "--all", "--json"], "--plan shows what there is"),
        (["binance-archive", "BTC", "--all"], "--all and names of coins exclude each other"),
        (["binance", "--all", "--yes"], "--all needs the archive binance-archive; got binance"),
        (["coinmetrics", "--all", "--yes"], "--all needs the archive binance-archive"),
        (["binance-archive", "BTC", "--match", "B*"], "--match needs --all; got BTC"),
        (["binance-archive", "BTC", "--plan"], "--plan needs --all"),
        (["binance-archive", "--since", "2024-01-01"], "a fetch needs at least one coin"),
        (["binance-archive", "BTC"], "a fetch needs --since"),
        (
            ["binance", "BTC", "--since", "2024-01-01", "--quote", "USDC"],
            "--quote needs the archive binance",
        ),
        (["binance-archive", "--all", "--yes", "--match", "/(/"], "must be a regular expression"),
        (["binance-archive", "--all", "--yes", "--quote", "u/sd"], "a coin's name must be"),
        (["binance-archive", "--all", "--yes", "--streams", "spot"], "needs its perp bars"),
        (["binance-archive", "--all", "--yes", "--mirror", "nowhere"], "has no folder data/"),
    ],
)
def test_what_cannot_be_gets_one_plain_message(words, said, terminal, monkeypatch):
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    out, err = terminal.types(*words, status=2)
    assert said in " ".join(err.split())
    assert (out, "Traceback" in err) == ("", False)
    assert terminal.store.datasets() == ()


@pytest.mark.slow
def test_thirty_coins_of_a_mirror_end_in_a_report(terminal, tmp_path, capsys, monkeypatch):
    months = (*(f"2024-{month:02d}" for month in range(6, 13)), "2025-01")
    folder = archive(30, months).write(tmp_path / "mirror")
    words = (*ALL, "--since", months[0], "--mirror", str(folder), "--until", "2025-02-02", "--yes")
    out, _ = terminal.types(*words)
    assert f"{30 + 1} coins stored" in out or f"{30 + 2} coins stored" in out
    monkeypatch.setattr(
        sys,
        "argv",
        [
            *("fadefollow", "run", "fade_crowded_funding", "--dataset", "every", "--json"),
            *("--placebo-draws", "100", "--bootstrap-draws", "200"),
        ],
    )
    assert cli._main() == 0
    result = json.loads(capsys.readouterr().out)
    assert len(result["dataset"]["coverage"]) >= 31
    assert sum(verdict["n_phases"] for verdict in result["verdicts"]) > 100
