"""Files of JSON lines: what kills and full disks leave of them."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from filelock import FileLock, Timeout

from fadefollow.core.json_lines import append, append_in_turn, end_of_lines, finished_lines


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "lines.jsonl"


def test_lines_that_were_appended_come_back(path: Path) -> None:
    assert finished_lines(path) == []
    append_in_turn(path, b'{"a":1}\n')
    append_in_turn(path, b'{"a":2}\n{"a":3}\n')
    assert finished_lines(path) == [b'{"a":1}', b'{"a":2}', b'{"a":3}']


@pytest.mark.parametrize("torn", [b"", b'{"a', b"x" * 9000, b"\0" * 512])
@pytest.mark.parametrize("whole", [b"", b'{"a":1}\n', b'{"a":1}\n' * 2000])
def test_a_torn_last_line_never_counts_and_the_next_writer_removes_it(
    path: Path, whole: bytes, torn: bytes
) -> None:
    path.parent.mkdir()
    path.write_bytes(whole + torn)
    assert finished_lines(path) == whole.splitlines()
    with path.open("rb", buffering=0) as file:
        assert end_of_lines(file) == len(whole)
    append_in_turn(path, b'{"a":2}\n')
    assert path.read_bytes() == whole + b'{"a":2}\n'


def test_a_full_disk_leaves_the_file_as_it_was(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append_in_turn(path, b"1\n")

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        append(path, b"2\n")
    assert path.read_bytes() == b"1\n"


def test_writers_take_turns(path: Path) -> None:
    append_in_turn(path, b"1\n")
    with FileLock(path.with_name(".lines.jsonl.lock")), pytest.raises(Timeout):
        append_in_turn(path, b"2\n", timeout=0.01)
    assert finished_lines(path) == [b"1"]
