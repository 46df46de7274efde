"""The folder that machines share: a path or a store that fsspec reaches, and what fails there."""

from __future__ import annotations

import gc
import os
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest

import fadefollow.core.cache.shared_folder as shared_folder_module
from fadefollow.core.cache.shared_folder import (
    SHARED,
    SharedFile,
    read_shared,
    refuse_shared_folder,
    shared_folder,
)
from fadefollow.core.cache.shelf import Published, Shelf
from fadefollow.core.parallel import make_pool
from fadefollow.errors import StoreError
from tests.support.web_hdfs import FOLDER, WebHdfs, store  # noqa: F401

PARTS = [b"one", b"two and three", bytes(6_000_000), b"four"]


def test_parts_of_a_file_in_a_store_come_back_and_the_file_goes_with_its_object(
    store: WebHdfs,  # noqa: F811
) -> None:
    file = SharedFile(store.address, PARTS)
    assert list(store.files.values()) == [b"".join(PARTS)]
    assert read_shared(file.address, 3, [13, 6_000_000, 4]) == PARTS[1:]
    del file
    assert store.files == {}


def test_a_shelf_in_a_store_is_read_once_a_coin_by_whoever_gets_it(
    store: WebHdfs,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(SHARED, store.address)
    kept = Shelf((f"C{k}", np.full(1000, float(k))) for k in range(4))
    sent: Published[str, np.ndarray] = pickle.loads(pickle.dumps(kept))
    assert store.opened == []
    for _ in range(3):
        assert [float(sent[coin].mean()) for coin in ("C2", "C0")] == [2.0, 0.0]
    assert len(store.opened) == 2
    del kept
    gc.collect()
    assert store.files == {}


def test_a_path_is_sent_from_the_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for named in ("scratch", str(tmp_path / "scratch")):
        monkeypatch.setenv(SHARED, named)
        assert shared_folder() == str(tmp_path / "scratch")
    for named in ("s3://bucket/scratch", "memory://x"):
        monkeypatch.setenv(SHARED, named)
        assert shared_folder() == named
    monkeypatch.setenv(SHARED, "")
    assert shared_folder() is None
    refuse_shared_folder()


def _interrupted() -> Iterator[bytes]:
    yield bytes(6_000_000)  # more than the client sends at once
    raise KeyboardInterrupt


def test_what_was_written_before_an_interruption_is_removed(
    store: WebHdfs,  # noqa: F811
    tmp_path: Path,
) -> None:
    for folder in (store.address, str(tmp_path)):
        with pytest.raises(KeyboardInterrupt):
            SharedFile(folder, _interrupted())
    assert store.files == {}
    assert list(tmp_path.iterdir()) == []


class _PlainStore:
    """A store whose files know nothing of giving up, as sftp's, in a folder of this machine."""

    def open(self, path: str, mode: str) -> BinaryIO:
        return Path(path).open(mode)  # type: ignore[return-value]

    def rm(self, path: str) -> None:
        Path(path).unlink()


def test_an_interruption_stays_one_where_a_file_cannot_be_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_folder_module, "_store_of", lambda path: (_PlainStore(), path))
    with pytest.raises(KeyboardInterrupt):
        SharedFile(str(tmp_path), _interrupted())
    assert list(tmp_path.iterdir()) == []


def test_a_fork_does_not_remove_its_parents_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = os.getpid()
    seen, unseen = SharedFile(str(tmp_path), PARTS), SharedFile(str(tmp_path), PARTS)
    monkeypatch.setattr(os, "getpid", lambda: parent + 1)
    unseen.remove()
    monkeypatch.undo()
    seen.remove()
    assert [str(path) for path in tmp_path.iterdir()] == [unseen.address]


# ---- what fails ----


@pytest.mark.parametrize(
    ("folder", "found", "hint"),
    [
        ("{tmp}/none", "No such file or directory", "must exist"),
        ("carrier://pigeon", "Protocol not known: carrier", "an address of fsspec"),
        ("adl://bucket/scratch", "nstall adlfs", "install the driver here and on all workers"),
        ("{store}", "Permission denied", "credentials to read, write and remove"),
    ],
)
def test_a_folder_that_cannot_be_used_is_named_before_any_work(
    folder: str,
    found: str,
    hint: str,
    store: WebHdfs,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = folder.format(tmp=tmp_path, store=store.address.replace(FOLDER, "/mine"))
    monkeypatch.setenv(SHARED, folder)
    # not even its scheduler is asked
    with pytest.raises(StoreError, match=found) as caught, make_pool(cluster="tcp://127.0.0.1:9"):
        pass
    assert caught.value.where == folder
    assert hint in caught.value.hint
    assert SHARED in caught.value.rule


def test_a_store_that_does_not_remove_files_is_refused(
    store: WebHdfs,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(SHARED, store.address)
    refuse_shared_folder()
    store.forbidden.add("DELETE")
    with pytest.raises(StoreError, match="Permission denied"):
        refuse_shared_folder()


def test_a_file_that_is_gone_or_short_is_named_with_the_machine(
    store: WebHdfs,  # noqa: F811
) -> None:
    file = SharedFile(store.address, PARTS)
    store.short = 1
    with pytest.raises(StoreError, match=r"\.shelf on .*3 bytes came instead of 4"):
        read_shared(file.address, 6_000_016, [4])
    store.files.clear()
    with pytest.raises(StoreError, match=r"cannot read .*File does not exist"):
        read_shared(file.address, 0, [3, 13])


def test_a_password_in_the_address_is_not_said(
    store: WebHdfs,  # noqa: F811
) -> None:
    address = store.address.replace("//", "//bob:hunter2@").replace(FOLDER, "/mine")
    with pytest.raises(StoreError) as caught:
        SharedFile(address, PARTS)
    assert "hunter2" not in str(caught.value)
    assert "***@127.0.0.1" in str(caught.value)
