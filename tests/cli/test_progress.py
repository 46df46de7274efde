"""The progress line of a real command in a real terminal."""

from __future__ import annotations

import itertools
import os
import re
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fadefollow.workspace import init_workspace

pty = pytest.importorskip("pty", reason="needs a terminal of Unix")
_LAB = """\
title = "A small lab"
source = "lab"
bar = "1h"

[lab]
seed = 5
start = 2021-01-01
years = 2
coins = ["IBEX", "LARK"]
"""


@pytest.mark.slow
def test_the_line_is_never_silent_for_two_seconds(tmp_path: Path) -> None:
    init_workspace(tmp_path / "w")
    (tmp_path / "w" / "datasets" / "small.toml").write_text(_LAB)
    ours, theirs = pty.openpty()
    draws = ["--placebo-draws", "100", "--bootstrap-draws", "100"]
    command = ["run", "fade_crowded_funding", "--dataset", "small", *draws]
    job = subprocess.Popen(
        [sys.executable, "-m", "fadefollow", *command],
        cwd=tmp_path / "w",
        stderr=theirs,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "100"},
    )
    os.close(theirs)
    said: list[tuple[float, str]] = []
    while select.select([ours], [], [], 60.0)[0]:
        try:
            part = os.read(ours, 65_536)
        except OSError:  # Linux says so that the other end is closed
            break
        if not part:
            break
        said.append((time.monotonic(), part.decode()))
    os.close(ours)
    assert job.wait(timeout=10) == 0
    times = [at for at, _ in said]
    assert max(b - a for a, b in itertools.pairwise(times)) < 2.0
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", "".join(text for _, text in said))
    assert plain.strip().count("\n") == 0  # one line, again and again
    # a stage that is over between two looks of the line is not seen
    stages = ("reading the data", "placebos and bootstrap", "writing the report")
    assert sum(stage in plain for stage in stages) >= 2
    shares = [int(share) for share in re.findall(r"(\d+) %", plain)]
    assert shares == sorted(shares)
    assert shares[-1] > 80
