"""fadefollow report: rendered again, compared, opened; one plain message where it cannot be."""

from __future__ import annotations

import json
import re
import shutil
import sys
import webbrowser
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fadefollow.cli import app as cli
from fadefollow.errors import ParameterError, UnknownNameError
from fadefollow.reporting import write_run
from fadefollow.reporting.pages.quantstats_sheet import _quiet, books, daily_returns, sheet
from fadefollow.tuning.model import TuneSettings
from fadefollow.verdict.estimates.metrics import sharpe
from tests.support.reporting_cases import REPORTS, build
from tests.support.tuning_cases import tune, tuned_run

OLDER = "20260305T120007Z-older"
NEWER = "20260306T120007Z-newer"
TUNED = "20260304T120007Z-tune-fade_crowded_funding"
S = "fade_crowded_funding"
Said = tuple[int, str, str]
Command = Callable[..., Said]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with two small runs, a tuning job and a calibration."""
    root = tmp_path_factory.mktemp("made")
    (root / "pyproject.toml").write_text("[tool.fadefollow]\n", "utf-8")
    shutil.copytree(REPORTS, root / "reports", ignore=shutil.ignore_patterns("runs"))
    runs = root / "reports" / "runs"
    small = replace(build(("BTC", "ETH"), 120, each=8, strategy=S), name="older")
    later = pd.Timestamp("2026-03-06T12:00:07", tz="UTC")
    write_run(small, runs, REPORTS)
    write_run(replace(small, name="newer", started=later, config={"seed": 8}), runs, REPORTS)
    job = replace(tuned_run(), started=pd.Timestamp("2026-03-04T12:00:07", tz="UTC"))
    write_run(job, runs, REPORTS, tuning=tune(TuneSettings("fade", trials=12, folds=2)))
    calibration = runs / "20260307T120007Z-calibration"
    calibration.mkdir()
    (calibration / "calibration.json").write_text("{}", "utf-8")
    return root


@pytest.fixture
def runs(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The runs of a workspace of one's own, which is where one is."""
    shutil.copytree(made, tmp_path / "mine")
    monkeypatch.chdir(tmp_path / "mine")
    return tmp_path / "mine" / "reports" / "runs"


@pytest.fixture
def fadefollow(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """A command line: its status, and what it says."""

    def call(*words: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["fadefollow", *words])
        status = cli._main()
        told = capsys.readouterr()
        return status, told.out, told.err

    return call


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("name", [OLDER, "older", TUNED])
def test_only_the_page_is_made_again(name: str, runs: Path, fadefollow: Command) -> None:
    folder = next(runs.glob(f"*{name}"))
    before = files(folder)
    (folder / "report.html").write_text("an old page", "utf-8")
    status, out, err = fadefollow("report", name)
    assert (status, err.strip()) == (0, "")
    assert out == f"report: {folder / 'report.html'}\n"
    assert files(folder) == before


def test_the_present_templates_are_used(runs: Path, fadefollow: Command) -> None:
    base = runs.parent / "templates" / "base.html.j2"
    base.write_text(base.read_text("utf-8").replace("<b>follow</b>", "<b>FOLLOW</b>"), "utf-8")
    status, out, _ = fadefollow("report", "older", "--json")
    assert status == 0
    page = Path(json.loads(out)["report"])
    assert "<b>FOLLOW</b>" in page.read_text("utf-8")
    assert "<b>FOLLOW</b>" in (runs / "index.html").read_text("utf-8")
    assert "<b>FOLLOW</b>" not in (runs / NEWER / "report.html").read_text("utf-8")


def test_without_a_name_it_is_the_latest(runs: Path, fadefollow: Command) -> None:
    (runs / NEWER / "report.html").unlink()
    status, out, _ = fadefollow("report")
    assert status == 0
    assert out.startswith(f"the latest run: {NEWER}\n")
    assert (runs / NEWER / "report.html").exists()


def test_open_shows_the_page_in_the_browser(
    runs: Path, fadefollow: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []

    def opened(url: str) -> bool:
        shown.append(url)
        return len(shown) == 1

    monkeypatch.setattr(webbrowser, "open", opened)
    assert fadefollow("report", "newer", "--open")[0] == 0
    assert shown == [(runs / NEWER / "report.html").as_uri()]
    status, _, err = fadefollow("report", "newer", "older", "--open")
    assert status == 0
    assert shown[1].endswith(".html")
    assert "no browser was found; open " in err


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda run: (run / "trades.parquet").unlink(), "no trades.parquet"),
        (lambda run: (run / "report.json").write_text("{"), "cannot read the run"),
        (lambda run: (run / "result.json").write_text('{"schema": 9}'), "update fadefollow"),
        (
            lambda run: (run.parents[1] / "templates" / "report.html.j2").write_text("{{ lost }}"),
            "report.html.j2:1: cannot render a template of the report",
        ),
        (
            lambda run: (run.parents[1] / "theme" / "base.css").unlink(),
            "cannot read the report's theme and scripts",
        ),
    ],
)
def test_what_cannot_be_rendered_leaves_the_old_page(
    spoil: Callable[[Path], object], said: str, runs: Path, fadefollow: Command
) -> None:
    run = runs / OLDER
    spoil(run)
    before = files(run)
    status, out, err = fadefollow("report", "older")
    assert (status, out) == (2, "")
    assert err.strip().startswith("error: ")
    assert said in err
    assert files(run) == before


def test_a_page_that_cannot_be_written(runs: Path, fadefollow: Command) -> None:
    page = runs / OLDER / "report.html"
    page.unlink()
    page.mkdir()  # refused by the system even to root
    status, _, err = fadefollow("report", "older")
    assert status == 2
    assert "cannot write the page: it is a folder" in err
    assert not list((runs / OLDER).glob(".*.tmp"))


def test_a_calibration_is_told_what_can_be_done(runs: Path, fadefollow: Command) -> None:
    for name in ("calibration", str(runs / "20260307T120007Z-calibration")):
        status, _, err = fadefollow("report", name)
        assert status == 2
        assert "a calibration is not a run" in err
        assert "`fadefollow calibrate` writes it again" in err


def test_names_that_mean_no_run(runs: Path, fadefollow: Command) -> None:
    status, _, err = fadefollow("report", "elder")
    assert status == 2
    assert "elder" in err
    shutil.rmtree(runs)
    status, _, err = fadefollow("report")
    assert status == 2
    assert "`fadefollow run` makes the first" in err


def test_comparing_two_runs_writes_a_page_and_says_what_differs(
    runs: Path, fadefollow: Command
) -> None:
    status, out, _ = fadefollow("report", "older", "latest")
    assert status == 0
    assert "Same data, 4 settings differ: every fate and its numbers are the same" in " ".join(
        out.split()
    )
    (page,) = runs.glob("comparison-*.html")
    assert out.endswith(f"comparison: {page}\n")
    listed = (runs / "index.html").read_text("utf-8")
    assert f'href="{page.name}"' in listed
    links = re.findall(r'<a href="([^"]+report\.html)"', page.read_text("utf-8"))
    assert links == [f"{OLDER}/report.html", f"{NEWER}/report.html"]
    # the same runs have the same page
    fadefollow("report", OLDER, NEWER)
    assert list(runs.glob("comparison-*.html")) == [page]


def test_comparison_goes_where_output_says_and_json_lists_settings(
    runs: Path, fadefollow: Command
) -> None:
    target = runs.parents[1] / "mine" / "page.html"
    (runs / OLDER / "report.html").unlink()
    status, out, _ = fadefollow("report", "older", "newer", "--json", "-o", str(target))
    assert status == 0
    told = json.loads(out)
    assert told["comparison"] == str(target)
    keys = [one["key"] for one in told["settings"]]
    assert keys == ["seed", "alpha", "symbols", "hold_hours"]
    assert not list(runs.glob("comparison-*"))
    # what is not there is not linked
    links = re.findall(r'<a href="([^"]+report\.html)"', target.read_text("utf-8"))
    assert links == [f"../reports/runs/{NEWER}/report.html"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["older", "-o", "x.html"], "--output needs several runs"),
        (["older", "newer", "--quantstats"], "--quantstats takes one run; got 2 runs"),
        (["older", "--book", "x"], "--book needs --quantstats"),
        (["older", "older"], f"a run is compared with others; got {OLDER} twice"),
        (["older"] * 9, "2 to 8 runs can be compared; got 9"),
    ],
)
def test_bad_arguments_end_with_status_2_and_no_page(
    words: list[str], said: str, runs: Path, fadefollow: Command
) -> None:
    status, out, err = fadefollow("report", *words)
    assert (status, out) == (2, "")
    assert said in err
    assert not list(runs.glob("comparison-*"))


# ---- QuantStats ----


def test_tear_sheets_need_the_extra(
    runs: Path, fadefollow: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "quantstats", None)
    status, _, err = fadefollow("report", "older", "--quantstats")
    assert status == 2
    assert "pip install 'fadefollow[quantstats]'" in err


def test_a_tear_sheet_is_written_beside_the_report(
    runs: Path, fadefollow: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("quantstats")
    import socket

    def refuse(*_: object) -> None:
        raise AssertionError("it asks the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    status, out, err = fadefollow(
        "report", "older", "--quantstats", "--book", f"{S}:fade", "--json"
    )
    assert (status, err) == (0, "")
    told = json.loads(out)
    path = runs / OLDER / f"quantstats-{S}-fade.html"
    assert told["quantstats"] == [str(path)]
    assert told["without"] == {}
    page = path.read_text("utf-8")
    assert f"<title>QuantStats: {S}, fade, not advice</title>" in page
    assert "(Compounded)" not in page
    assert "added up and not compounded" in page
    assert "Periods/Year: 365" in page
    assert not re.search(r"<(link|script|img|iframe)[^>]*https?:", page)
    # its cumulative return is the gain of the stored equity
    equity = pd.read_parquet(runs / OLDER / "equity.parquet")
    book = (equity["stance"] == "fade") & (equity["book"] == "outright")
    mine = equity[(equity["strategy"] == S) & book]["value"]
    shown = {
        name: float(value.replace(",", ""))
        for name, value in re.findall(r"<td>(Total Return|Sharpe)\s*</td><td>\s*([-\d.,]+)", page)
    }
    ours = sharpe(np.diff(mine.to_numpy(), prepend=1.0))
    assert shown["Total Return"] == pytest.approx((mine.iloc[-1] - 1) * 100, abs=0.01)
    assert shown["Sharpe"] == pytest.approx(ours, abs=0.01)


def test_bars_of_years_have_their_own_labels() -> None:
    pytest.importorskip("quantstats")
    days = pd.date_range("2020-01-01", "2023-12-31", name="time")
    returns = pd.Series(0.0, days, name="book")
    for year in range(2020, 2024):
        returns.loc[pd.Timestamp(year, 3, 1)] = (year - 2019) / 100  # type: ignore[call-overload]
    with _quiet() as quantstats:
        figure = quantstats.plots.yearly_returns(returns, show=False, prepare_returns=False)
        (axes,) = figure.axes
        marks = zip(axes.get_xticks(), axes.get_xticklabels(), strict=True)
        labels = {place: label.get_text() for place, label in marks}
        bars = {bar.get_x() + bar.get_width() / 2: bar.get_height() for bar in axes.patches}
    told = {labels[place]: round(height, 6) for place, height in bars.items()}
    assert told == {"2020": 0.01, "2021": 0.02, "2022": 0.03, "2023": 0.04}


def frame(*values: float) -> pd.DataFrame:
    index = pd.date_range("2026-01-01", periods=len(values), freq="D", tz="UTC")
    columns = pd.MultiIndex.from_tuples([("s", "fade")], names=["strategy", "stance"])
    return pd.DataFrame(np.array(values)[:, None], index=index, columns=columns)


def test_returns_are_pnl_on_the_first_capital() -> None:
    returns = daily_returns(frame(1.1, 0.99, float("nan"), 1.98)["s", "fade"])
    assert returns.tolist() == pytest.approx([0.1, -0.11, 0.99])
    assert pd.DatetimeIndex(returns.index).tz is None
    # nine tenths lost, then a little won back: over the day before, two days of +100 and +50 %
    lost = daily_returns(frame(0.1, 0.2, 0.3)["s", "fade"])
    assert sharpe(lost.to_numpy()) == pytest.approx(-7.7212, abs=1e-4)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([1.0, 1.1], "it has 2 days; a tear sheet needs 30"),
        ([1.0] * 40, "its equity never moves"),
        ([1.0] * 39 + [-0.2], "on 2026-02-09 it lost what it began with in one day"),
        ([1.0] * 39 + [2.5], "which QuantStats takes for prices"),
    ],
)
def test_books_without_a_tear_sheet(values: list[float], reason: str) -> None:
    made = sheet(frame(*values), "s", "fade", about="run")
    assert made.page == ""
    assert reason in made.reason


def test_books_are_found_by_name() -> None:
    columns = pd.MultiIndex.from_tuples([("s", "fade"), ("s", "follow"), ("t", "fade")])
    equity = pd.DataFrame(columns=columns)
    assert books(equity) == (("s", "fade"), ("s", "follow"), ("t", "fade"))
    assert books(equity, ["t:fade", "s"]) == (("t", "fade"), ("s", "fade"), ("s", "follow"))
    with pytest.raises(UnknownNameError, match="t:follow"):
        books(equity, ["t:follow"])
    with pytest.raises(ParameterError, match="no book was traded"):
        books(pd.DataFrame(columns=pd.MultiIndex.from_tuples([], names=["a", "b"])))
