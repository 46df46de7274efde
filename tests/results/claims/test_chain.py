"""The claims file: what is written comes back, and what is changed is noticed."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from fadefollow.errors import ParameterError, StoreError
from fadefollow.results.claims import (
    AlarmLine,
    BlockLine,
    Claim,
    ClaimsFile,
    Closing,
    Line,
    WordLine,
    watched_claims,
)
from fadefollow.verdict.sequential.cusum import Alarm, Spread
from tests.support.watch_cases import PAST, claim_of

LINES: list[Line] = [
    claim_of("mine", past=replace(PAST, alarm=Alarm(0.01, Spread(0.002, 0.0001), 4.5))),
    claim_of("yours", past=replace(PAST, mean=math.nan), symbols=("BTC",), accept=("stale",)),
    BlockLine("mine", 0, 0.015, 2.0, 0),
    BlockLine("mine", 1, -0.002, 1.0, 1),
    WordLine("mine", 1, "confirmed", 43.3, 1.5, None, 20.5),
    AlarmLine("mine", 1, 4.6, 4.5),
    Closing("yours", "2024-06-01T00:00:00Z", "a mistake"),
]


@pytest.fixture
def file(tmp_path: Path) -> ClaimsFile:
    made = ClaimsFile(tmp_path / "runs" / "claims.jsonl")
    made.append(lambda before: LINES[:3])
    made.append(lambda before: LINES[len(before) :])
    return made


def test_what_is_written_comes_back(file: ClaimsFile) -> None:
    found = file.lines()
    assert found[0] == LINES[0]
    assert found[2:] == LINES[2:]
    yours = found[1]
    assert isinstance(yours, Claim)
    assert math.isnan(yours.past.mean)
    assert (yours.symbols, yours.accept, yours.past.alarm) == (("BTC",), ("stale",), None)
    assert ClaimsFile(file.path.with_name("none.jsonl")).lines() == []


def test_lines_are_put_together_by_claim(file: ClaimsFile) -> None:
    found = watched_claims(file.lines())
    assert list(found) == ["mine", "yours"]
    mine, yours = found["mine"], found["yours"]
    assert (mine.word, mine.sums.total.tolist()) == ("confirmed", [0.015, -0.002])
    assert (mine.alarm, mine.closing) == (LINES[5], None)
    assert (yours.word, len(yours.blocks), yours.closing) == ("open", 0, LINES[6])
    # 130 bps over three trades
    assert mine.last["mean_bps"] == pytest.approx(130.0 / 3.0)
    assert (yours.last["mean_bps"], yours.last["e_value"]) == (None, 1.0)


def test_each_line_is_sealed_with_the_one_before(file: ClaimsFile) -> None:
    records = [json.loads(line) for line in file.path.read_text("utf-8").splitlines()]
    assert records[0]["previous"] == "0" * 64
    assert [r["previous"] for r in records[1:]] == [r["hash"] for r in records[:-1]]
    bare = {k: v for k, v in records[2].items() if k != "hash"}
    text = json.dumps(bare, sort_keys=True, ensure_ascii=False)
    assert records[2]["hash"] == hashlib.sha256(text.encode()).hexdigest()
    assert file.head == records[-1]["hash"]


@pytest.mark.parametrize("line", range(len(LINES)))
def test_a_changed_line_is_noticed(file: ClaimsFile, line: int) -> None:
    lines = file.path.read_text("utf-8").splitlines()
    lines[line] = lines[line].replace("mine", "main").replace("yours", "theirs")
    file.path.write_text("\n".join(lines) + "\n", "utf-8")
    with pytest.raises(StoreError, match="changed") as told:
        file.lines()
    assert told.value.where == f"{file.path}, line {line + 1}"
    before = file.path.read_bytes()
    with pytest.raises(StoreError, match="changed"):
        file.append(lambda before: LINES[-1:])
    assert file.path.read_bytes() == before


@pytest.mark.parametrize("line", range(len(LINES) - 1))
def test_a_line_taken_out_is_noticed(file: ClaimsFile, line: int) -> None:
    lines = file.path.read_text("utf-8").splitlines()
    del lines[line]
    file.path.write_text("\n".join(lines) + "\n", "utf-8")
    with pytest.raises(StoreError, match="changed") as told:
        file.lines()
    assert told.value.where.endswith(f"line {line + 1}")


def test_spaces_put_into_a_line_are_noticed(file: ClaimsFile) -> None:
    text = file.path.read_text("utf-8")
    file.path.write_text(text.replace('"block": 0', '"block":  0'), "utf-8")
    with pytest.raises(StoreError, match="changed"):
        file.lines()


def test_a_line_that_a_killed_writer_left_never_counted(file: ClaimsFile) -> None:
    whole = file.path.read_bytes()
    file.path.write_bytes(whole + b'{"kind": "block", "claim": "mi')
    assert len(file.lines()) == len(LINES)
    file.append(lambda before: [BlockLine("mine", 2, 0.0, 0.0, 0)])
    assert file.path.read_bytes().startswith(whole)
    assert len(file.lines()) == len(LINES) + 1


def test_what_cannot_be_made_leaves_the_file_as_it_is(file: ClaimsFile) -> None:
    before = file.path.read_bytes()

    def refused(lines: list[Line]) -> list[Line]:
        raise ParameterError("no")

    with pytest.raises(ParameterError):
        file.append(refused)
    assert file.path.read_bytes() == before
    file.append(lambda lines: [])
    assert file.path.read_bytes() == before
