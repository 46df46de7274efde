from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from fadefollow.verdict import JudgeSettings, judge
from fadefollow.verdict.correction.spa import SpaBook, spa_of_run, spa_test

HOW: dict[str, Any] = {"length": 3.0, "draws": 300, "alpha": 0.05, "seed": 0}

QUICK = JudgeSettings(placebo_draws=150, bootstrap_draws=200)


def _books(*columns):
    return [SpaBook("s", f"p{k}", "fade", np.asarray(x, float)) for k, x in enumerate(columns)]


def _noise(seed, k, days=600):
    return np.random.default_rng(seed).standard_normal((k, days))


def test_a_book_that_is_better_is_found_and_named():
    noise = _noise(0, 5)
    noise[3] += 0.3
    found = spa_test(_books(*noise), **HOW)
    assert (found.n_books, found.phase) == (5, "p3")
    assert found.p_consistent == pytest.approx(1 / 301)
    assert found.p_lower <= found.p_consistent <= found.p_upper
    assert found.p_error == pytest.approx(math.sqrt((1 / 301) * (300 / 301) / 300))
    assert found.sentence == (
        "The best of 5 books (fade p3, s) is better than its placebo: p = 0.003 ± 0.003"
    )


def test_books_that_lose_are_not_better():
    found = spa_test(_books(*(_noise(1, 4) - 0.3)), **HOW)
    assert found.p_upper > 0.5
    assert "is not better" in found.sentence


def test_wide_and_narrow_books_have_the_same_say():
    noise = _noise(2, 4)
    noise[0] += 0.3
    narrow = spa_test(_books(0.001 * noise[0], *noise[1:]), **HOW)
    assert narrow == spa_test(_books(*noise), **HOW)


def test_without_an_edge_it_rejects_about_as_often_as_it_says():
    rejected = sum(
        spa_test(_books(*_noise(seed, 8, 300)), **(HOW | {"draws": 100})).p_consistent < 0.05
        for seed in range(100)
    )
    assert rejected <= 12


def test_books_without_trades_are_left_out():
    assert spa_test(_books(np.zeros(50)), **HOW) is None
    assert spa_test([], **HOW) is None


def test_a_planted_edge_beats_its_placebo(make_stormy, make_books):
    plan = make_stormy(np.random.default_rng(1), days=800, edge=0.05, opposite=False)
    books = make_books(plan)
    verdicts = judge([plan], books, settings=QUICK)
    found = spa_of_run([plan], books, verdicts, draws=300)
    assert (found.n_books, found.stance) == (2, "follow")
    assert found.p_consistent < 0.05
    # a rising market is none: the placebo rises as well
    plan = make_stormy(np.random.default_rng(2), days=800, drift=0.015, opposite=False)
    books = make_books(plan)
    verdicts = judge([plan], books, settings=QUICK)
    assert spa_of_run([plan], books, verdicts, draws=300).p_consistent > 0.05


def test_too_few_blocks_are_not_tested(make_stormy, make_books):
    plan = make_stormy(np.random.default_rng(4), days=150)
    books = make_books(plan)
    verdicts = judge([plan], books, settings=QUICK)
    assert spa_of_run([plan], books, verdicts) is None
