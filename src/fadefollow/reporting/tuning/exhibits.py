"""Exhibits of a tuning job: each chart with what it shows in words, and the same as a table."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fadefollow.reporting.pages.budget import TRIALS
from fadefollow.reporting.pages.figures import Exhibit, exhibit
from fadefollow.reporting.text.formatting import (
    DASH,
    THIN,
    Table,
    count,
    fixed,
    hours,
    listed,
    ratio,
    when,
)
from fadefollow.reporting.tuning import charts, figures, parameters
from fadefollow.reporting.tuning.figures import FloatArray, Slice
from fadefollow.reporting.tuning.scales import Scale, shown
from fadefollow.reporting.tuning.sentences import (
    FEW_PAIRS,
    NAMES,
    correlated,
    counted,
    fold_name,
    score,
)
from fadefollow.tuning.model import Fold, Objective, Trial, Tuning

#: with more parameters, pictures of all of them cannot be read
_MANY = 24
#: lines of parallel coordinates, rows of a table of trials
_STRANDS, _ROWS = 200, 10
#: bytes of a trial in all pictures of one fold: with every parameter, and besides
_EACH, _ONCE = 20, 60


def points(tuning: Tuning) -> int:
    """How many trials each picture may show."""
    names = min(len(figures.searched(tuning)), _MANY)
    each = max(len(tuning.folds), 1) * (_EACH * names + _ONCE)
    return max(min(TRIALS // each, 1_000), 40)


def folds(tuning: Tuning) -> Exhibit:
    """Past, embargo and stretch of each fold."""
    title = "The folds on the time line"
    if not tuning.folds:
        return Exhibit(title, "There are no folds.")
    rows = tuple(
        (
            fold_name(f),
            f"{when(f.train[0], clock=False)} to {when(f.train[1], clock=False)}",
            f"{when(f.test[0], clock=False)} to {when(f.test[1], clock=False)}" if f.test else DASH,
        )
        for f in tuning.folds
    )
    caption = (
        "Grey: the past that was searched. Coloured: the stretch on which its winner was then "
        f"traded, untouched by the search. Between them {hours(tuning.embargo_hours)} of embargo, "
        "so that no trade reaches from one into the other."
    )
    if any(f.test is None for f in tuning.folds):
        caption += " The last search has no stretch after it."
    chart = charts.folds_chart(tuning, figures.short_names(tuning))
    return exhibit(title, caption, chart, Table(("Fold", "Searched", "Traded"), rows))


def search(tuning: Tuning, fold: Fold) -> Exhibit:
    """How the search went: the scores as they came, or the front of two objectives."""
    trials = figures.trials_of(tuning, fold)
    if len(tuning.settings.objectives) > 1:
        return _front(tuning, fold, trials)
    title = "Scores as the search went on"
    objective = tuning.settings.objectives[0]
    figure = figures.history(tuning, fold, points=points(tuning))
    told = counted(fold)
    if not figure.marks:
        return Exhibit(title, f"{told} There is no score to show.")
    parts = [told, "The line is the best score so far, the star the winner."]
    if figure.below:
        lower = count(figure.below, "trial lies", "trials lie")
        parts.append(f"{lower} below the picture.")
    if figure.left_out:
        parts.append(_left_out(figure.left_out))
    head = ("Trial", NAMES[objective][:1].upper() + NAMES[objective][1:], "Trades", "Parameters")
    caption = " ".join(parts)
    return exhibit(
        title, caption, charts.history_chart(figure, tuning), _best(tuning, trials, head)
    )


def _front(tuning: Tuning, fold: Fold, trials: Sequence[Trial]) -> Exhibit:
    title = "The two objectives"
    done = tuple(t for t in trials if t.state == "complete" and len(t.scores) > 1)
    drawn = figures.thinned(done, points=points(tuning), keep=fold.winner)
    best = figures.front(done)
    if not best:
        return Exhibit(title, f"{counted(fold)} There is no complete trial to show.")
    first, second = tuning.settings.objectives[:2]
    caption = (
        f"{counted(fold)} {count(len(best), 'trial is', 'trials are')} beaten by none in both "
        "objectives at once (the Pareto front); the star is the winner."
    )
    if len(drawn) < len(done):
        caption += f" {_left_out(len(done) - len(drawn))}"
    labels = figures.short_names(tuning)
    rows = tuple(
        (
            fixed(t.number),
            score(first, t.scores[0]),
            score(second, t.scores[1]),
            fixed(t.n_trades),
            _params(t, labels, tuning),
        )
        for t in best[:40]
    )
    table = Table(("Trial", NAMES[first], NAMES[second], "Trades", "Parameters"), rows)
    return exhibit(title, caption, charts.front_chart(drawn, best, fold, tuning), table)


def parallel(tuning: Tuning, fold: Fold, places: Sequence[Scale]) -> Exhibit:
    """All parameters of all trials at once."""
    title = "All parameters at once"
    trials = figures.ranked(tuning, fold, points=min(_STRANDS, points(tuning)))
    drawn = tuple(places)[:_MANY]
    if len(trials) < 2 or len(drawn) < 2:
        what = "two complete trials" if len(trials) < 2 else "two parameters"
        return Exhibit(title, f"It takes at least {what} to compare.")
    caption = (
        "Each line is one complete trial, from its value of the first parameter to that of the "
        "last, between the lowest and the highest that were tried. Where the coloured lines, the "
        "best fifth, run together, the score hangs on that parameter."
    )
    total = fold.counts.get("complete", 0)
    if total > len(trials):
        caption += f" {_left_out(total - len(trials))}"
    caption += _first_ones(len(places))
    rows = tuple(_ends(scale) for scale in drawn)
    chart = parameters.parallel_chart(trials, drawn, fold, tuning)
    return exhibit(title, caption, chart, Table(("Parameter", "Lowest", "Highest"), rows))


def sliced(tuning: Tuning, fold: Fold, places: Sequence[Scale]) -> tuple[Exhibit, ...]:
    """Score against each parameter."""
    found = figures.slices(tuning, fold, tuple(places)[:_MANY], points=points(tuning))
    objective = tuning.settings.objectives[0]
    floor = figures.floor_of(found[0].y) if found else 0.0
    shown_ones = [(f, _thirds(f, objective)) for f in found if np.isfinite(f.x).any()]
    return tuple(
        exhibit(
            figure.scale.label,
            _in_words(table, figure.scale),
            parameters.slice_chart(figure, floor, tuning),
            table,
        )
        for figure, table in shown_ones
    )


def pairs(tuning: Tuning, fold: Fold) -> Exhibit:
    """Past against stretch, trial by trial."""
    title = fold_name(fold)
    objective = tuning.settings.objectives[0]
    figure = figures.pairs(tuning, fold, points=points(tuning))
    if figure.total < 2:
        return Exhibit(title, "Fewer than two trials have a score on the past and after it.")
    rank = figures.rank_correlation(tuning, fold, least=FEW_PAIRS)
    if math.isnan(rank):
        said = f"Rank correlation unknown: {count(figure.total, 'trial')}."
    else:
        meant = correlated(rank)
        said = f"Rank correlation {ratio(rank)} over {count(figure.total, 'trial')}: {meant}."
    if figure.total > figure.number.size:
        said += f" {_left_out(figure.total - figure.number.size)}"
    better = figure.after > figure.before
    above = f"{fixed(100 * float(better.mean()))}{THIN}%"
    quartiles = np.quantile(figure.before, [0.25, 0.5, 0.75])
    groups = np.digitize(figure.before, quartiles)
    both = figure.before, figure.after
    names = ("lowest quarter on the past", "second", "third", "highest quarter on the past")
    rows = tuple(
        (name, fixed(int(mine.sum())), *(score(objective, _median(y[mine])) for y in both))
        for name, mine in ((name, groups == k) for k, name in enumerate(names))
    )
    table = Table(("Trials", "Number", "Median on the past", "Median after it"), rows)
    chart = charts.pairs_chart(figure, objective, tuning.settings.stance)
    return exhibit(title, f"{said} {above} lie above the line.", chart, table)


def importance(tuning: Tuning) -> Exhibit:
    """What share of the scores' variation each parameter explains."""
    title = "Which parameters matter"
    known: dict[str, list[float]] = {}
    for fold in tuning.folds:
        for name, value in fold.importance.items():
            if math.isfinite(value):
                known.setdefault(name, []).append(value)
    if not known:
        return Exhibit(title, "Too few trials were completed to tell which parameters matter.")
    means = {name: float(np.mean(values)) for name, values in known.items()}
    means = dict(sorted(means.items(), key=lambda item: -item[1]))
    labels = figures.short_names(tuning)
    rows = tuple(
        (
            labels.get(name, name),
            *(_per_cent(f.importance.get(name, math.nan)) for f in tuning.folds),
            _per_cent(mean),
        )
        for name, mean in means.items()
    )
    head = ("Parameter", *(fold_name(f) for f in tuning.folds), "Mean")
    caption = (
        "How much of the difference between trials' scores goes back to each parameter, on the "
        "past. What matters there need not matter afterwards; dots far apart mean that the folds "
        "disagree."
    ) + _first_ones(len(means))
    drawn = dict(list(means.items())[:_MANY])
    return exhibit(
        title, caption, parameters.importance_chart(tuning, drawn, labels), Table(head, rows)
    )


def stability(tuning: Tuning, places: Sequence[Scale]) -> Exhibit:
    """The winners' parameters from fold to fold."""
    title = "Do the winners agree from fold to fold?"
    drawn = tuple(places)[:_MANY]
    if not drawn or not any(f.params for f in tuning.folds):
        return Exhibit(title, "No fold has a winner.")
    moved = {s.label: travel for s in drawn if math.isfinite(travel := _travel(tuning, s))}
    steady = [name for name, far in moved.items() if far <= 0.25]
    wild = [name for name, far in moved.items() if far >= 0.5]
    said = [
        "Each panel spans all values that were tried; dots are the winners, the dotted line is "
        "what the strategy's file says."
    ]
    if wild:
        said.append(f"Over half of the range apart, so hardly found: {listed(wild)}.")
    if steady:
        said.append(f"Within a quarter of the range: {listed(steady)}.")
    caption = " ".join(said) + _first_ones(len(places))
    return exhibit(
        title, caption, parameters.stability_chart(tuning, drawn), winners(tuning, drawn)
    )


def winners(tuning: Tuning, places: Sequence[Scale]) -> Table:
    """The winners' parameters, one row a parameter."""
    head = ("Parameter", "Searched", "File", *(fold_name(f) for f in tuning.folds))
    rows = tuple(
        (
            scale.label,
            tuning.space.get(scale.name, DASH),
            _known(tuning.start_params, scale.name),
            *(_known(f.params, scale.name) for f in tuning.folds),
        )
        for scale in places
    )
    return Table(head, rows)


def failures(tuning: Tuning, most: int = 20) -> Table:
    """Errors with how often they came, and one trial each."""
    labels = figures.short_names(tuning)
    names = {f.number: fold_name(f) for f in tuning.folds}
    rows = tuple(
        (
            _short(error),
            fixed(len(trials)),
            f"{names.get(trials[0].fold, trials[0].fold)}, trial {fixed(trials[0].number)}",
            _params(trials[0], labels, tuning),
        )
        for error, trials in figures.errors(tuning)[:most]
    )
    return Table(("Error", "Trials", "First", "Its parameters"), rows)


def _first_ones(number: int) -> str:
    return f" The first {_MANY} of {number} parameters are drawn." if number > _MANY else ""


def _left_out(number: int) -> str:
    return f"{count(number, 'trial')} not drawn; all are in trials.parquet."


def _best(tuning: Tuning, trials: Sequence[Trial], head: tuple[str, ...]) -> Table:
    labels, objective = figures.short_names(tuning), tuning.settings.objectives[0]
    done = [t for t in trials if t.state == "complete" and math.isfinite(figures.score_of(t))]
    best = sorted(done, key=figures.score_of, reverse=True)[:_ROWS]
    rows = tuple(
        (
            fixed(t.number),
            score(objective, figures.score_of(t)),
            fixed(t.n_trades),
            _params(t, labels, tuning),
        )
        for t in best
    )
    return Table(head, rows)


def _params(trial: Trial, labels: dict[str, str], tuning: Tuning) -> str:
    params = figures.as_found(trial.params, tuning)
    return ", ".join(f"{labels.get(k, k)} {shown(v)}" for k, v in params.items()) or DASH


def _ends(scale: Scale) -> tuple[str, str, str]:
    if scale.words:
        return scale.label, scale.words[0], scale.words[-1]
    return scale.label, shown(scale.low), shown(scale.high)


def _thirds(figure: Slice, objective: Objective) -> Table:
    """Median score by third of the range, or by value where values are words."""
    scale = figure.scale
    if scale.words:
        place, names = figure.x, scale.words
    else:
        shares = np.array([scale.share(float(x)) for x in figure.x])
        place = np.floor(np.clip(3.0 * shares, 0.0, 2.0))
        names = ("lowest third", "middle third", "highest third")
    groups = [(name, figure.y[place == k]) for k, name in enumerate(names)]
    rows = tuple((name, fixed(y.size), score(objective, _median(y))) for name, y in groups)
    return Table(("Values", "Trials", "Median score"), rows)


def _in_words(table: Table, scale: Scale) -> str:
    """`Median: lowest third 0.41, middle third 1.20, highest third 0.35.`"""
    sign = " →" if scale.words else ""
    parts = [f"{name}{sign} {value}" for name, _, value in table.rows if value != DASH]
    return f"Median: {listed(parts, 4)}." if len(parts) > 1 else "Only one value was tried."


def _travel(tuning: Tuning, scale: Scale) -> float:
    """How far the winners' values lie apart, as a share of all that was tried."""
    shares = [scale.share(f.params[scale.name]) for f in tuning.folds if scale.name in f.params]
    known = [x for x in shares if math.isfinite(x)]
    return max(known) - min(known) if len(known) > 1 and not scale.words else math.nan


def _known(params: Mapping[str, Any], name: str) -> str:
    return shown(params[name]) if name in params else DASH


def _median(values: FloatArray) -> float:
    return float(np.median(values)) if values.size else math.nan


def _per_cent(value: float) -> str:
    return f"{fixed(100 * value)}{THIN}%" if math.isfinite(value) else DASH


def _short(error: str, most: int = 400) -> str:
    said = " ".join(error.split())
    return said if len(said) <= most else f"{said[: most - 1]}…"
