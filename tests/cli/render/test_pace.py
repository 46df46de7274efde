"""How far a command is, and the one line that shows it."""

from __future__ import annotations

import io
import re
import time

import pytest
from rich.console import Console

from fadefollow.cli.render import progress as module
from fadefollow.cli.render.pace import RUN_STAGES, Pace, clocked, worded

STAGES = {"reading": 0.2, "judging": 0.6, "writing": 0.2}


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_shares_of_a_run_add_up() -> None:
    assert sum(RUN_STAGES.values()) == pytest.approx(1.0)


def test_the_share_is_that_of_all_stages_together(clock: Clock) -> None:
    pace = Pace(STAGES, clock=clock)
    assert pace.share() is None
    pace.step("reading the data", 0.5)
    assert pace.share() == pytest.approx(0.1)
    pace.step("judging 3 of 4", 0.5)
    assert pace.share() == pytest.approx(0.2 + 0.3)
    pace.step("writing", 1.0)
    assert pace.share() == 0.99  # all is done when the command is


def test_the_share_never_goes_back(clock: Clock) -> None:
    pace = Pace(STAGES, clock=clock)
    pace.step("judging", 0.5)
    assert pace.share() == pytest.approx(0.5)
    pace.step("reading more", 0.0)
    assert pace.share() == pytest.approx(0.5)
    pace.step("something else", 0.0)
    assert pace.share() == pytest.approx(0.5)


def test_time_left_is_that_of_the_pace_so_far(clock: Clock) -> None:
    pace = Pace(STAGES, clock=clock)
    pace.step("reading", 1.0)
    clock.now += 2.0
    assert pace.left() is None  # too early to say
    clock.now += 8.0
    pace.step("judging", 0.5)
    # half of all took ten seconds
    assert pace.left() == pytest.approx(10.0)
    clock.now += 10.0
    assert pace.left() == pytest.approx(20.0)


def test_a_stage_that_does_not_say_goes_by_the_time_it_should_take(clock: Clock) -> None:
    pace = Pace(STAGES, clock=clock)
    pace.step("reading", None)
    clock.now += 10.0
    pace.step("judging", None)
    # a fifth took ten seconds, so that this stage should take thirty: after them it is half done
    clock.now += 30.0
    assert pace.share() == pytest.approx(0.2 + 0.6 / 2)


def test_without_stages_the_pace_is_that_of_what_is_new(clock: Clock) -> None:
    pace = Pace({}, clock=clock)
    pace.step("trial 50 of 100", 0.5)  # what was known from before
    clock.now += 10.0
    pace.step("trial 60 of 100", 0.6)
    assert pace.share() == 0.6
    assert pace.left() == pytest.approx(40.0)  # ten seconds for a tenth, four of which are left
    pace.step("writing", None)
    assert pace.share() is None
    assert pace.left() is None


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (2.0, "nearly done"),
        (42.0, "about 40 s left"),
        (150.0, "about 2 min left"),
        (9000.0, "about 2.5 h left"),
    ],
)
def test_time_left_is_as_rough_as_it_is_known(seconds: float, said: str) -> None:
    assert worded(seconds) == said


def test_clock() -> None:
    assert [clocked(s) for s in (7.9, 760.0, 3723.0)] == ["0:07", "12:40", "1:02:03"]


@pytest.mark.parametrize("width", [80, 120, 200])
def test_one_line_with_a_clock_that_runs_while_nothing_is_said(
    monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(
        module, "Console", lambda **_: Console(file=screen, force_terminal=True, width=width)
    )
    with module.shown(STAGES) as step:
        step("judging a strategy with a name that is much longer than any line " * 4, 0.5)
        time.sleep(1.3)
        step("judging a strategy with a name that is much longer than any line " * 4, 1.0)
        time.sleep(1.0)
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", screen.getvalue())
    lines = [line.strip() for line in plain.split("\r") if "judging" in line]
    assert {len(line) for line in lines} <= set(range(width + 1))
    assert "\n" not in plain.strip()
    clocks = [found[1] for line in lines if (found := re.search(r" %  (\d+:\d\d)", line))]
    # it runs on after a stage that is done
    assert clocks[-1] == "0:02"
    assert set(clocks) >= {"0:00", "0:01", "0:02"}


def test_a_log_gets_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(module, "Console", lambda **_: Console(file=screen, width=80))
    monkeypatch.setattr(module, "EVERY_SECONDS", 0.0)
    with module.shown(STAGES) as step:
        step("judging", 0.5)
    assert screen.getvalue() == "50 %, 0:00, judging\n"


def test_quiet_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with module.shown(STAGES, quiet=True) as step:
        step("judging", 0.5)
    assert capsys.readouterr() == ("", "")
