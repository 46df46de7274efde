"""A tuning job's report: out of sample first, luck in words, hostile text stays text."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pyarrow.parquet as pq
import pytest

from fadefollow.errors import StoreError
from fadefollow.reporting import read_run, read_tuning, render, write_run
from fadefollow.reporting.pages.index import lines
from fadefollow.reporting.tuning import figures
from fadefollow.reporting.tuning import sentences as words
from fadefollow.reporting.tuning.exhibits import points
from fadefollow.reporting.tuning.scales import Scale, shown
from fadefollow.results.catalog import entries
from fadefollow.tuning.model import OutOfSample, Trial, TuneSettings, Tuning
from fadefollow.verdict.model import RunResult
from tests.support.html_page import Page
from tests.support.reporting_cases import IMG, NAN, REPORTS, SCRIPT, Cases, settled, stance
from tests.support.tuning_cases import (
    ERRORS,
    SPACE,
    all_failed,
    hostile_tuning,
    large,
    tune,
    tuned_run,
)

THIN = "\u202f"
TWO = TuneSettings("fade", trials=40, folds=2, objectives=("t", "calmar"), sampler="nsga2")


@pytest.fixture(scope="module")
def run() -> RunResult:
    return tuned_run()


@pytest.fixture(scope="module")
def job() -> Tuning:
    return tune()


@pytest.fixture(scope="module")
def page(run: RunResult, job: Tuning) -> Page:
    return Page(render(run, REPORTS, job))


@pytest.fixture(scope="module")
def hostile(run: RunResult) -> Page:
    return Page(render(run, REPORTS, hostile_tuning()))


@pytest.fixture(scope="module")
def stored(run: RunResult, job: Tuning, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(run, tmp_path_factory.mktemp("runs"), REPORTS, tuning=job)


def some(number: int, score: float, after: float = NAN, **changes: Any) -> Trial:
    """A complete trial of fold 1."""
    params = {"params.quantile": 0.9 + number / 100}
    return replace(Trial(1, number, "complete", params, (score,), (score,), after=after), **changes)


def with_trials(job: Tuning, *trials: Trial) -> Tuning:
    """The job with other trials."""
    return replace(job, trials=trials)


def flat(page: Page) -> str:
    """Its text with single spaces."""
    return " ".join(page.text.replace(THIN, "_").split()).replace("_", THIN)


# ---- on disk ----


def test_a_stored_job_comes_back_as_it_was(stored: Path, job: Tuning) -> None:
    assert repr(read_tuning(stored)) == repr(job)  # NaN differs from itself, its text does not


def test_two_objectives_come_back_as_they_were(run: RunResult, tmp_path: Path) -> None:
    job = tune(TWO)
    assert repr(read_tuning(write_run(run, tmp_path, REPORTS, tuning=job))) == repr(job)


def test_a_stored_job_renders_again_to_the_letter(stored: Path) -> None:
    again = render(read_run(stored), REPORTS, read_tuning(stored))
    assert again == (stored / "report.html").read_text("utf-8")


def test_trials_have_a_row_each_and_a_column_a_parameter(stored: Path, job: Tuning) -> None:
    table = pd.read_parquet(stored / "trials.parquet")
    fixed = [
        "fold",
        "number",
        "state",
        "scores",
        "inner",
        "n_trades",
        "mean_net_bps",
        "error",
        "after",
    ]
    assert list(table.columns) == [*fixed, *SPACE]
    assert len(table) == 720
    assert table["state"].value_counts().to_dict() == {
        state: sum(t.state == state for t in job.trials)
        for state in ("complete", "few", "pruned", "failed")
    }
    assert table["params.quantile"].dtype == np.float64
    assert table["params.window_days"].dtype == np.int64
    assert table["params.weighted"].dtype == np.bool_
    assert set(table["trade.stop"]) == {"null", "0.05", "0.1"}  # of several kinds: JSON
    schema = pq.read_schema(stored / "trials.parquet")
    assert schema.field("trade.stop").metadata == {b"encoding": b"json"}


def test_a_parameter_that_some_trials_lack_is_null_and_stays_away(
    run: RunResult, job: Tuning, tmp_path: Path
) -> None:
    trials = some(0, 1.0, params={"params.a": 3}), some(1, 2.0, params={"params.b": "x"})
    path = write_run(run, tmp_path, REPORTS, tuning=replace(job, trials=trials))
    back = read_tuning(path)
    assert back is not None
    assert [t.params for t in back.trials] == [{"params.a": 3}, {"params.b": "x"}]
    assert type(back.trials[0].params["params.a"]) is int


def test_result_json_holds_the_job_without_nan(stored: Path) -> None:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    text = (stored / "result.json").read_text("utf-8")
    record = json.loads(text, parse_constant=refuse)["tuning"]
    assert list(record) == [
        "settings",
        "strategy",
        "space",
        "folds",
        "start_params",
        "psr",
        "tuned",
        "storage",
        "study",
        "embargo_hours",
        "untuned",
        "joined",
        "seconds",
    ]
    assert record["settings"]["trials"] == 120
    assert record["psr"] == {"fade": 0.81, "follow": 0.07}
    last = record["folds"][-1]
    assert last["test"] is None
    assert last["mean_net_bps_after"] is None
    assert last["past"]["n_trials"] == 117
    assert sum(last["counts"].values()) == 120


def test_an_ordinary_run_knows_nothing_of_tuning(cases: Cases, tmp_path: Path) -> None:
    path = write_run(cases.hostile, tmp_path, REPORTS)
    assert read_tuning(path) is None
    assert not (path / "trials.parquet").exists()
    assert "tuning" not in json.loads((path / "result.json").read_text("utf-8"))
    assert not {"luck", "folds", "search"} & set(Page(render(cases.plain, REPORTS)).ids())


def test_lost_trials_are_named(run: RunResult, job: Tuning, tmp_path: Path) -> None:
    path = write_run(run, tmp_path, REPORTS, tuning=job)
    (path / "trials.parquet").unlink()
    with pytest.raises(StoreError, match=r"trials\.parquet"):
        read_tuning(path)


def test_list_of_runs_marks_tuning(run: RunResult, job: Tuning, tmp_path: Path) -> None:
    write_run(run, tmp_path, REPORTS, tuning=job)
    write_run(replace(run, name="plain"), tmp_path, REPORTS)
    assert {(e.kind, e.name): e.about for e in lines(entries(tmp_path))} == {
        ("run", "plain"): "fade_crowded_funding",
        ("tuning", "tune-fade_crowded_funding"): f"5 folds, {720} trials",
    }
    text = (tmp_path / "index.html").read_text("utf-8")
    assert text.count('<span class="chip kind">tuning</span>') == 1


# ---- words ----


def test_out_of_sample_comes_first(page: Page) -> None:
    text = flat(page)
    told = [
        "Out of sample, tuned fading of crowded shorts is not shown to pay",
        f"Out of sample, fading crowded shorts on BTC, ETH, SOL made +6.2{THIN}bps a trade "
        f"after all costs [−14, 27] over 145 trades (open).",
        f"of the joined account is above zero is 81{THIN}% (PSR).",
        f"In sample, the winners of 5 folds looked like +38{THIN}bps a trade; out of sample, the "
        f"same settings made +6.2{THIN}bps over 145 trades: 16{THIN}% of it was left.",
        "claim: fade",
        "How much of it was luck",
        "Fold by fold",
        "The search",
    ]
    places = [text.index(said) for said in told]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("fade", "said"),
    [
        (stance(42.0, (5.0, 80.0)), "Out of sample, tuned fading of crowded shorts pays"),
        (
            stance(-42.0, (-80.0, -5.0)),
            "Out of sample, tuned fading of crowded shorts does not pay",
        ),
        (stance(1.0, (-8.0, 9.0)), "Out of sample, tuned fading of crowded shorts does not pay"),
        (
            stance(6.0, (-20.0, 40.0)),
            "Out of sample, tuned fading of crowded shorts is not shown to pay",
        ),
    ],
)
def test_headline_says_what_tuning_was_worth(
    run: RunResult, job: Tuning, fade: Any, said: str
) -> None:
    one = settled(replace(run.verdicts[0], fade=fade))
    assert words.headline(replace(run, verdicts=(one,)), job) == said


def test_headline_of_several_phases(run: RunResult, job: Tuning) -> None:
    not_shown = run.verdicts[0]
    pays = settled(replace(not_shown, fade=stance(42.0, (5.0, 80.0))))
    two = replace(run, verdicts=(pays, not_shown))
    none = replace(run, verdicts=(not_shown, not_shown))
    assert words.headline(two, job) == "Out of sample, tuned fading pays in 1 of the 2 phases"
    assert words.headline(none, job) == "Out of sample, tuned fading pays in none of the 2 phases"


def test_nothing_left_out_of_sample_is_said(job: Tuning) -> None:
    fold = replace(job.folds[0], mean_net_bps=30.0, mean_net_bps_after=-4.0, n_trades_after=12)
    book = OutOfSample(12, -4.0, -0.5, 0.2)
    one = replace(job, folds=(fold,), joined={"fade": book})
    assert words.looked(tuned_run(), one) == (
        f"In sample, the winner of the only fold looked like +30{THIN}bps a trade; out of sample, "
        f"the same settings made −4.0{THIN}bps over 12 trades: nothing was left."
    )


def test_a_job_of_an_earlier_version_has_the_one_mean_that_was_judged(job: Tuning) -> None:
    # −6.35 over 372 trades of each stretch by itself, which are no trades of the book
    fold = replace(job.folds[0], mean_net_bps=30.0, mean_net_bps_after=-6.35, n_trades_after=372)
    run = tuned_run()
    phases = [(-8.1, 169), (-2.56, 200)]  # −5.1 over 369
    fade: Any = run.verdicts[0].fade
    rows = tuple(
        replace(run.verdicts[0], fade=replace(fade, mean_net_bps=mean, n_trades=n))
        for mean, n in phases
    )
    old = replace(job, folds=(fold,), joined={})
    said = words.looked(replace(run, verdicts=rows), old)
    assert f"−5.1{THIN}bps over 369 trades" in said


def test_luck_section_words_dsr_pbo_and_slope(page: Page) -> None:
    text = flat(page)
    # DSR 0.57 … 0.32, PBO 0.44 … 0.59, p_loss 0.24 … 0.34, slope −0.35 … −0.55 in equal steps
    assert (
        "Best of many: 0.44 (0.32 to 0.57 over 6 searches) is the probability that the winner's "
        "true Sharpe ratio on the past was above zero, given that it was picked as the best of "
        "114 to 117 trials. Above 0.95 luck is an unlikely explanation, which holds in none of 6"
    ) in text
    assert (
        f"In 52{THIN}% (44{THIN}% to 59{THIN}% over 6 searches) of the ways to split the past in "
        "two, the winner of one half was no better than the median trial in the other."
    ) in text
    assert f"In 29{THIN}% (24{THIN}% to 34{THIN}% over 6 searches) it lost money there." in text
    assert "Slope −0.45 (−0.55 to −0.35 over 6 searches): the better the winner of a half" in text


def test_luck_alone_is_the_expected_maximum(job: Tuning) -> None:
    from fadefollow.reporting.tuning.section import chapter

    fold = job.folds[0]
    past = replace(fold.past, sharpe=0.1, n_trials=1, variance=0.01)
    row = chapter(tuned_run(), replace(job, folds=(replace(fold, past=past),))).luck_rows[0]
    assert (row.sharpe, row.by_luck) == ("1.91", "0.00")  # 0.1·√365; the best of one is no luck


def test_tuning_is_held_against_the_file(job: Tuning) -> None:
    fold = replace(job.folds[0], mean_net_bps_after=6.0, n_trades_after=10)
    one = replace(job, folds=(fold,), joined={"fade": OutOfSample(10, 6.0, 0.7, 0.7)})
    better = replace(one, untuned={"fade": OutOfSample(12, 2.5, 0.4, 0.66)})
    worse = replace(one, untuned={"fade": OutOfSample(12, 20.0, 0.4, NAN)})
    start = "On the same stretches the file's own parameters made"
    assert words.worth(tuned_run(), better) == (
        f"{start} +2.5{THIN}bps a trade (12 trades, PSR 66{THIN}%): tuning gained 3.5{THIN}bps a "
        "trade, a difference that was not tested for luck."
    )
    assert words.worth(tuned_run(), worse).startswith(
        f"{start} +20{THIN}bps a trade (12 trades): tuning cost 14{THIN}bps a trade"
    )
    none = replace(one, untuned={"fade": OutOfSample(0, NAN, NAN, NAN)})
    assert words.worth(tuned_run(), none).endswith("came to no trade on the same stretches.")
    unknown = replace(one, untuned={})
    assert words.worth(tuned_run(), unknown).startswith(
        "Whether it was worth tuning cannot be read from this"
    )


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.7, "what did well on the past mostly did well after it"),
        (0.3, "the past said something about what came after"),
        (0.1, "the past said a little about what came after"),
        (0.0, "the past said next to nothing about what came after"),
        (-0.2, "what did better on the past did worse after it"),
    ],
)
def test_rank_correlation_in_words(value: float, said: str) -> None:
    assert words.correlated(value) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.93, "0.93"),
        (-0.00012356, "−0.0001236"),
        (48, "48"),
        (12_000, f"12{THIN}000"),
        (True, "yes"),
        (False, "no"),
        (None, "none"),
        (NAN, "—"),
        ("a\n b", "a b"),
        ("x" * 90, "x" * 59 + "…"),
    ],
)
def test_values_as_a_reader_sees_them(value: Any, said: str) -> None:
    assert shown(value) == said


def test_names_are_short_where_that_is_unambiguous(job: Tuning) -> None:
    space = {"params.hold": "", "trade.hold": "", "params.quantile": ""}
    assert figures.short_names(replace(job, space=space, trials=())) == {
        "params.hold": "params.hold",
        "trade.hold": "trade.hold",
        "params.quantile": "quantile",
    }


# ---- figures ----


def test_front_is_what_no_other_trial_beats_in_both() -> None:
    both = [(1.0, 5.0), (2.0, 4.0), (2.0, 3.0), (0.5, 5.0), (3.0, 1.0), (NAN, 9.0)]
    trials = [some(k, 0.0, scores=pair) for k, pair in enumerate(both)]
    few = replace(some(9, 0.0), state="few", scores=(9.0, 9.0))
    assert [t.number for t in figures.front([*trials, few])] == [0, 1, 4]


def test_best_so_far_climbs_and_runs_to_the_end(job: Tuning) -> None:
    scores = [1.0, 0.5, 2.0, 1.5, 2.5]
    trials = [some(k, score) for k, score in enumerate(scores)]
    trials[4] = replace(trials[4], state="few")  # no winner can come from it
    fold = replace(job.folds[0], winner=2)
    found = figures.history(with_trials(job, *trials), fold, points=100)
    assert [a.tolist() for a in found.best] == [[0.0, 2.0, 4.0], [1.0, 2.0, 2.0]]
    assert found.winner == (2.0, 2.0)
    assert {s: n.tolist() for s, (n, _) in found.marks.items()} == {
        "complete": [0.0, 1.0, 2.0, 3.0],
        "few": [4.0],
    }


def test_terrible_scores_do_not_flatten_the_history(job: Tuning) -> None:
    trials = [some(k, float(k % 5)) for k in range(20)] + [some(20, -1e6)]
    found = figures.history(with_trials(job, *trials), job.folds[0], points=100)
    assert found.below == 1
    assert found.floor >= -10.0


def test_thinning_keeps_the_winner_and_every_new_best() -> None:
    trials = tuple(some(k, {500: 7.0, 777: 9.0}.get(k, 1.0 - k / 1e4)) for k in range(1000))
    kept = [t.number for t in figures.thinned(trials, points=60, keep=123)]
    assert {0, 123, 500, 777, 999} <= set(kept)
    assert len(kept) <= 62
    assert kept == sorted(kept)


def test_rank_correlation_of_a_fold(job: Tuning) -> None:
    fold = job.folds[0]
    up = [some(k, float(k), float(k) ** 3) for k in range(10)]
    down = [some(k, float(k), -float(k)) for k in range(10)]
    assert figures.rank_correlation(with_trials(job, *up), fold, least=10) == pytest.approx(1.0)
    assert figures.rank_correlation(with_trials(job, *down), fold, least=10) == pytest.approx(-1.0)
    for none in (up[:9], [some(k, 1.0, float(k)) for k in range(10)]):
        assert math.isnan(figures.rank_correlation(with_trials(job, *none), fold, least=10))


def test_scales_of_numbers_words_and_logarithms() -> None:
    plain = Scale.of("a", "a", [10, 30])
    assert [plain.share(v) for v in (10, 20, 30)] == [0.0, 0.5, 1.0]
    log = Scale.of("b", "b", [0.001, 0.01, 0.1], log=True)
    assert log.share(0.01) == pytest.approx(0.5)
    assert not Scale.of("b", "b", [0.0, 0.1], log=True).log
    words_ = Scale.of("c", "c", [None, 0.1, "x", None])
    assert words_.words == ("0.1", "none", "x")
    assert words_.share("x") == 1.0
    assert math.isnan(words_.share("unseen"))
    same = Scale.of("d", "d", [5, 5])
    assert same.share(5) == 0.5


def test_a_logarithmic_range_is_shown_as_one(job: Tuning) -> None:
    assert [s.label for s in figures.scales(job) if s.log] == ["target"]


# ---- the page ----


def test_sections_charts_and_links(page: Page, job: Tuning) -> None:
    ids = page.ids()
    assert {"answer", "luck", "folds", "search", "market", "phases"} <= set(ids)
    assert len(ids) == len(set(ids))
    inner = [a.get("href") or "" for t, a in page.tags if t == "a"]
    assert {href[1:] for href in inner if href.startswith("#")} <= set(ids)
    wanted = {"folds-1", "stability-1", "importance-1"}
    wanted |= {f"pairs-{k}" for k in range(1, 6)}
    for k in range(1, 7):
        wanted |= {f"search-{k}", f"parallel-{k}", *(f"slice-{k}-{n}" for n in range(1, 7))}
    assert wanted <= set(page.islands())


def test_charts_are_valid_plotly_with_captions_and_tables(page: Page) -> None:
    drawn = {n: body for n, body in page.islands().items() if not n.startswith("market")}
    for name, body in drawn.items():
        painted = json.loads(re.sub(r'"@[a-z]+(/[\d.]+)?"', '"#123456"', json.dumps(body)))
        assert len(go.Figure(painted).data) > 0, name
    charts = [a for _, a in page.tags if "data-chart" in a]
    assert all(a["role"] in {"group", "img"} and a["aria-label"] for a in charts)
    tables = [a for t, a in page.tags if t == "details" and a.get("class") == "data"]
    assert len(tables) >= len(charts)


def test_folds_lie_on_the_time_line(page: Page, job: Tuning) -> None:
    past, embargo, stretch = page.islands()["folds-1"]["data"]
    assert past["y"] == ["Fold 1", "Fold 2", "Fold 3", "Fold 4", "Fold 5", "Next"]
    assert embargo["x"] == [8 * 86_400e3] * 5
    ends = [base + x for base, x in zip(embargo["base"], embargo["x"], strict=True)]
    assert stretch["base"] == ends
    first = job.folds[0].params
    assert f"quantile {first['params.quantile']:.4g}" in stretch["customdata"][0][2]


def test_no_number_is_shown_as_nan(page: Page) -> None:
    assert not re.search(r"\b(nan|None|inf|NaT)\b", page.text)


def test_failed_trials_tell_their_errors(page: Page, job: Tuning) -> None:
    failed = [t for t in job.trials if t.state == "failed"]
    assert f"{len(failed)} of 720 trials failed" in page.text
    for error in ERRORS:
        assert error in page.text


def test_hostile_text_stays_text(hostile: Page, page: Page) -> None:
    assert {tag for tag, _ in hostile.tags} <= {tag for tag, _ in page.tags}
    assert not [a for _, a in hostile.tags if any(k.startswith("on") for k in a)]
    assert hostile.text.count(IMG) > 5
    assert f"{SCRIPT}{IMG}" in hostile.text  # the error
    code = [t for a, t in hostile.scripts if a.get("type") != "application/json"]
    assert "alert(1)" not in "".join(code)


def test_hostile_text_is_inert_inside_charts(hostile: Page) -> None:
    def texts(value: Any) -> Iterator[str]:
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict | list):
            for inner in value.values() if isinstance(value, dict) else value:
                yield from texts(inner)

    found = [t for body in hostile.islands().values() for t in texts(body)]
    assert any("&lt;img" in t for t in found)
    allowed = re.compile(r"</?(b|br|extra)>")
    assert not [t for t in found if "<" in allowed.sub("", t)]


def test_hostile_job_comes_back(run: RunResult, tmp_path: Path) -> None:
    job = hostile_tuning()
    back = read_tuning(write_run(run, tmp_path, REPORTS, tuning=job))
    assert back is not None
    assert [t.params for t in back.trials] == [t.params for t in job.trials]
    assert back.trials[3].error == f"{SCRIPT}{IMG} ?"  # half a character is none


def test_six_thousand_trials_of_ten_parameters_fit(run: RunResult) -> None:
    job = large()
    assert len(job.trials) == 6000
    html = render(run, REPORTS, job)
    assert len(html.encode()) <= 8_000_000
    islands = Page(html).islands()
    drawn = [islands[f"search-{k}"]["data"] for k in range(1, 7)]
    assert all(any(t["name"] == "winner" for t in traces) for traces in drawn)
    mine = [i for n, i in islands.items() if re.match(r"(search|slice|parallel|pairs)-", n)]
    assert sum(len(json.dumps(i)) for i in mine) < 1_000_000
    assert points(job) < 1000


def test_two_objectives_show_their_front(run: RunResult) -> None:
    page = Page(render(run, REPORTS, tune(TWO)))
    assert "The two objectives" in page.text
    assert "Scores as the search went on" not in page.text
    traces = {t["name"] for t in page.islands()["search-1"]["data"]}
    assert traces == {"complete", "beaten by none", "winner"}
    assert "t-value / Calmar ratio" in page.text


def test_all_failed_is_said_plainly(run: RunResult) -> None:
    nothing = replace(run, verdicts=(), trades=run.trades.iloc[:0], event_studies=())
    text = flat(Page(render(nothing, REPORTS, all_failed())))
    for said in (
        "Tuning found nothing to trade out of sample",
        "No fold has a winner: no search had a complete trial of 30 trades.",
        "No search has a winner: there is no luck to measure.",
        "The last search chose nothing: 12 trials: 12 failed.",
        "36 of 36 trials failed",
        "no file: there is no winner",
    ):
        assert said in text
    assert "worth tuning" not in text
    assert not re.search(r"\b(nan|None|inf|NaT)\b", text)


def test_a_fold_without_a_winner_among_others(run: RunResult, job: Tuning) -> None:
    bare = replace(
        job.folds[1],
        winner=None,
        params={},
        scores=(),
        after=(),
        n_trades=0,
        n_trades_after=0,
        mean_net_bps=NAN,
        mean_net_bps_after=NAN,
        importance={},
        counts={"complete": 0, "few": 90, "pruned": 30, "failed": 0},
    )
    holed = replace(job, folds=(job.folds[0], bare, *job.folds[2:]))
    text = flat(Page(render(run, REPORTS, holed)))
    assert "no winner: 120 trials: 90 with too few trades, 30 pruned." in text
    assert "the winners of 4 folds looked like" in text


@pytest.mark.parametrize("trials", [0, 1, 2, 3])
def test_few_trials_render(run: RunResult, trials: int) -> None:
    job = tune(TuneSettings("follow", trials=trials, folds=1))
    page = Page(render(run, REPORTS, job))
    assert {"luck", "folds", "search"} <= set(page.ids())
    assert not re.search(r"\b(nan|inf|NaT)\b", page.text)


def test_a_job_without_anything_renders(run: RunResult, job: Tuning) -> None:
    bare = replace(job, trials=(), folds=(), space={}, start_params={}, psr={}, tuned=None)
    text = flat(Page(render(run, REPORTS, bare)))
    assert "Nothing was searched." in text
    assert "There are no folds." in text
