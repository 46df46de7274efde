"""Runs the commands of the site in a scratch workspace and keeps what they print.

    python docs/captured.py FOLDER     # a new folder; the real data is read from ../shared/data
    python docs/tutorials.py FOLDER

Each step is one file docs/captured/NAME.txt: the command behind a `$`, then what it said. The only
thing changed is the folder's own path, which becomes `~`, and what is longer than a step keeps,
which becomes `…`. No output on any page is typed by hand.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
CAPTURED, EXAMPLES = HERE / "captured", HERE / "examples"
DATA = HERE.parents[1] / "shared"
WIDTH = 92


class Step(NamedTuple):
    """One command of the site."""

    name: str
    command: str
    lines: int = 40  #: of its output that are kept
    tail: int = 0  #: of them, at the end
    files: tuple[tuple[str, str], ...] = ()  #: what the reader writes before: (example, its place)


ACCOUNT_A = (
    "follow_accumulation fade_first_pullup fade_squeeze fade_handover "
    "follow_distribution follow_dump"
)
ACCOUNT_B = "fade_doors follow_spot_led follow_spot_force fade_fuel"
ACCOUNT_C = (
    "selloff_watch follow_inflows fade_crowded_funding fade_rich_carry fade_rich_carry_spread "
    "fade_carry_attack follow_short_gamma fade_flush"
)
#: the runs of the tutorials, by account
RUNS = {
    "a": f"fadefollow run {ACCOUNT_A} --dataset binance_history",
    "a_lab": f"fadefollow run {ACCOUNT_A} --dataset lab_pumps",
    "b": f"fadefollow run {ACCOUNT_B} --dataset binance_history --fragility",
    "c": f"fadefollow run {ACCOUNT_C} --dataset binance_history",
}
OWN = (
    ("own_signal/signals/breakout.py", "signals/breakout.py"),
    ("own_signal/tests/test_breakout.py", "tests/test_breakout.py"),
    ("own_signal/strategies/fade_breakout.toml", "strategies/fade_breakout.toml"),
)
STEPS = (
    Step("init", "fadefollow init workspace"),
    Step("run", "fadefollow run", 34, 18),
    Step("import", "fadefollow data import binance_history --from ../shared/data", 19),
    Step("audit", "fadefollow data audit binance_history", 37),
    Step("real", "fadefollow run fade_crowded_funding --dataset binance_history"),
    Step("again", "fadefollow run --again latest"),
    Step("report", "fadefollow report latest"),
    Step(
        "tune",
        "fadefollow tune fade_crowded_funding --dataset binance_history --trials 40 --folds 3",
    ),
    Step("all", "fadefollow run --dataset binance_history"),
    Step("scan", "fadefollow scan --dataset binance_history", 34),
    Step("account_a", RUNS["a"]),
    Step(
        "account_a_lab",
        RUNS["a_lab"],
        files=(("account_a/lab_pumps.toml", "datasets/lab_pumps.toml"),),
    ),
    Step("account_b", RUNS["b"]),
    Step("account_c", RUNS["c"]),
    Step("new_signal", "fadefollow new signal breakout"),
    Step("own_test", "python -m pytest -q tests/test_breakout.py", files=OWN),
    Step("own_check", "fadefollow check fade_breakout --dataset binance_history"),
    Step("own_run", "fadefollow run fade_breakout --dataset binance_history"),
)


def main() -> None:
    """All steps, or those named behind the folder, into docs/captured/."""
    root = Path(sys.argv[1]).resolve()
    wanted = set(sys.argv[2:]) or {step.name for step in STEPS}
    root.mkdir(parents=True, exist_ok=True)
    if not (root / "shared").exists():
        (root / "shared").symlink_to(DATA)
    for step in STEPS:
        if step.name in wanted:
            text = captured(step, root)
            (CAPTURED / f"{step.name}.txt").write_text(text, "utf-8")
            print(f"{step.name}: {len(text.splitlines())} lines")


def captured(step: Step, root: Path) -> str:
    """The step's command and what it printed.

    Raises:
        CalledProcessError: the command failed.
    """
    workspace = root / "workspace"
    for source, place in step.files:
        (workspace / place).parent.mkdir(exist_ok=True)
        shutil.copy(EXAMPLES / source, workspace / place)
    done = subprocess.run(
        step.command.split(),
        cwd=root if step.name == "init" else workspace,
        env=_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        print(done.stdout, file=sys.stderr)
        done.check_returncode()
    lines = [line.rstrip() for line in done.stdout.replace(str(root), "~").splitlines()]
    while lines and not lines[0]:
        del lines[0]
    kept = lines
    if len(lines) > step.lines:
        kept = [*lines[: step.lines - step.tail], "…", *lines[len(lines) - step.tail :]]
    return "\n".join([shown(step.command), *kept]).rstrip() + "\n"


def shown(command: str) -> str:
    """The command as one may type it, broken where it is too long for a page."""
    # an option stays with its value
    glued = re.sub(r"(--\S+) (?=[^-])", "\\1\N{NO-BREAK SPACE}", f"$ {command}")
    lines = textwrap.wrap(glued, WIDTH - 2, break_on_hyphens=False, break_long_words=False)
    return " \\\n      ".join(lines).replace("\N{NO-BREAK SPACE}", " ")


def _environment() -> dict[str, str]:
    tools = Path(sys.executable).parent
    ours = {
        "COLUMNS": str(WIDTH),
        "NO_COLOR": "1",
        "TERM": "dumb",
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
    }
    return {**os.environ, **ours}


if __name__ == "__main__":
    main()
