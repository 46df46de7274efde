"""Files and folders that are there whole or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from fadefollow.core.atomic_file import remove_drafts, write_page, write_whole
from fadefollow.core.atomic_folder import filled, is_empty, publish, sweep
from fadefollow.errors import StoreError

DRAFT = f".{'0a' * 16}.tmp"


def full(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_file_is_replaced_whole_or_stays_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    write_whole(path, b"old")
    write_whole(path, b"new", durable=False)
    assert path.read_bytes() == b"new"
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(path, b"newer")
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("file", b"new")]


@pytest.mark.parametrize(("age", "left"), [(7200.0, [".notes.tmp"]), (60.0, [DRAFT, ".notes.tmp"])])
def test_the_next_page_removes_a_killed_writers_draft_and_nothing_else(
    tmp_path: Path, age: float, left: list[str]
) -> None:
    for name in (DRAFT, ".notes.tmp"):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (tmp_path.stat().st_mtime - age,) * 2)
    write_page("<p>", tmp_path / "page.html")
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([*left, "page.html"])
    remove_drafts(tmp_path, age=0)
    assert not (tmp_path / DRAFT).exists()


def test_the_next_writer_removes_a_killed_writers_folder_and_nothing_else(tmp_path: Path) -> None:
    for name in (".writing-0123456789ab", ".writing-a-novel"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "page").touch()
    sweep(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == [".writing-a-novel"]


def test_a_folder_is_filled_or_left_as_it_was(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "target"

    def fill(error: Exception | None) -> None:
        with filled(target) as stage:
            (stage / "inner").mkdir()
            (stage / "inner" / "file").write_text("x")
            if error is not None:
                raise error

    with pytest.raises(StoreError, match="No space left"):
        fill(OSError(errno.ENOSPC, "No space left on device"))
    assert list(tmp_path.iterdir()) == []
    fill(None)
    assert [p.relative_to(target).as_posix() for p in target.rglob("*")] == ["inner", "inner/file"]


def test_a_folder_with_what_a_killed_writer_left_is_empty(tmp_path: Path) -> None:
    (tmp_path / ".writing-0123456789ab").mkdir()
    assert is_empty(tmp_path)
    (tmp_path / "mine").touch()
    assert not is_empty(tmp_path)


def test_a_name_that_is_taken_gets_a_number(tmp_path: Path) -> None:
    for name in ("wanted", "wanted-2", "made"):
        (tmp_path / name).mkdir()
    assert publish(tmp_path / "made", tmp_path / "wanted") == tmp_path / "wanted-3"
