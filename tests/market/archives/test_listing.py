"""The archive's listing, in pages from a bucket that errs and lies, and from a mirror folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from fadefollow.errors import DataError
from fadefollow.market.archives.listing import page_query, read_page
from fadefollow.market.archives.source import Mirror, UnreachableError, Web
from tests.support.archives.packing import Packed, bar_path
from tests.support.archives.server import LIST, Archive, serving

KLINES = "data/futures/um/monthly/klines/"
#: 899 names in Latin letters and one that is not; in the order of the bucket
SYMBOLS = [*(f"C{n:03d}USDT" for n in range(899)), "币安人生USDT"]


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return {bar_path("perp", "2024-11", symbol): b"x" * (1 + n) for n, symbol in enumerate(SYMBOLS)}


@contextmanager
def web(server: Archive, attempts: int = 3) -> Iterator[Web]:
    with httpx.Client(timeout=5.0) as client:
        yield Web(server.url, Path("nowhere"), client, attempts=attempts, wait=0.0)


def page(names: list[str], **told: str) -> bytes:
    told = {"MaxKeys": "1000", "IsTruncated": "false", **told}
    head = "".join(f"<{name}>{value}</{name}>" for name, value in told.items())
    keys = "".join(f"<Contents><Key>{n}</Key><Size>3</Size></Contents>" for n in names)
    return f"<ListBucketResult>{head}{keys}</ListBucketResult>".encode()


def test_nine_hundred_symbols_come_in_pages(files):
    with serving(files) as server, web(server) as source:
        server.page_size = 100
        listing = source.listing(KLINES)
        # nine full pages; the last says that it is the last, and is not believed
        assert server.log == [LIST] * 10
    assert listing.folders == tuple(f"{KLINES}{symbol}/" for symbol in SYMBOLS)
    assert listing.files == ()


def test_files_have_their_size_and_their_mark(files):
    folder = f"{KLINES}币安人生USDT/1h/"
    with serving(files) as server, web(server) as source:
        (file,) = source.listing(folder).files
    assert file.path == f"{folder}币安人生USDT-1h-2024-11.zip"
    # the 900th of them has 900 bytes; MD5 of 900 letters x
    assert (file.size, file.mark) == (900, "2a15758dd4814353497739b43a81dfab")


def test_a_listing_may_begin_after_a_name_and_within_one(files):
    with serving(files) as server, web(server) as source:
        assert source.listing(f"{KLINES}C89").folders == tuple(
            f"{KLINES}C{n}USDT/" for n in range(890, 899)
        )
        after = source.listing(f"{KLINES}C89", f"{KLINES}C897USDT/").folders
    assert after == (f"{KLINES}C898USDT/",)


@pytest.mark.parametrize("fault", ["repeat", "other", "page", "short", "503", "429"])
def test_a_wrong_page_is_asked_for_again(fault, files):
    with serving(files) as server, web(server) as source:
        server.page_size = 300
        server.faults[LIST] = ["", fault, fault]
        listing = source.listing(KLINES)
        # four pages, one of them three times
        assert len(server.log) == 6
    assert listing.folders == tuple(f"{KLINES}{symbol}/" for symbol in SYMBOLS)


def test_a_page_that_says_falsely_that_it_is_the_last_is_asked_beyond(files):
    with serving(files) as server, web(server) as source:
        server.page_size = 300
        server.faults[LIST] = ["last"] * 3
        assert len(source.listing(KLINES).folders) == 900


def test_a_bucket_that_repeats_itself_for_ever_is_refused(files):
    with serving(files) as server, web(server) as source:
        server.page_size = 300
        server.faults[LIST] = ["", *["repeat"] * 9]
        with pytest.raises(UnreachableError, match="must go on after its marker"):
            source.listing(KLINES)
        assert len(server.log) == 4


def test_a_refusal_and_a_server_without_a_listing_say_so(files):
    with serving(files) as server, web(server) as source:
        server.faults[LIST] = ["403", "404"]
        with pytest.raises(UnreachableError, match="HTTP 403") as refused:
            source.listing(KLINES)
        with pytest.raises(UnreachableError, match="has no listing"):
            source.listing(KLINES)
    assert "--mirror" in refused.value.hint


def test_a_mirror_lists_what_the_bucket_lists(files, tmp_path):
    packed = Packed(dict(list(files.items())[-5:]))
    mirror = Mirror(packed.write(tmp_path))
    (tmp_path / KLINES / "note.txt").write_text("mine")
    with serving(packed.files) as server, web(server) as source:
        for prefix in (KLINES, f"{KLINES}C89", f"{KLINES}C896USDT/1h/", "data/none/"):
            bucket, folder = source.listing(prefix), mirror.listing(prefix)
            assert folder.folders == bucket.folders
            assert [(f.path, f.size) for f in folder.files if f.name != "note.txt"] == [
                (f.path, f.size) for f in bucket.files
            ]
    after = mirror.listing(KLINES, f"{KLINES}C897USDT/").folders
    assert after == (f"{KLINES}C898USDT/", f"{KLINES}币安人生USDT/")


def test_names_are_encoded_both_ways():
    assert page_query("data/币&/", "data/币&/a b") == (
        "delimiter=/&encoding-type=url&prefix=data/%E5%B8%81%26/&marker=data/%E5%B8%81%26/a%20b"
    )
    coded = page(["a/%E5%B8%81%26"], EncodingType="url")
    assert read_page(coded, "a/", "").files[0].path == "a/币&"
    # where the bucket says nothing of an encoding, a percent sign is one
    assert read_page(page(["a/50%25"]), "a/", "").files[0].path == "a/50%25"


@pytest.mark.parametrize(
    ("told", "marker"),
    [
        ({}, None),
        ({"IsTruncated": "true"}, "a/2"),
        ({"NextMarker": "a/2"}, "a/2"),
        # it may not lead past names, nor back
        ({"IsTruncated": "true", "NextMarker": "a/9"}, "a/2"),
        ({"IsTruncated": "true", "NextMarker": "a/0"}, "a/2"),
        ({"MaxKeys": "2"}, "a/2"),
    ],
)
def test_the_next_page_begins_after_the_last_name(told, marker):
    assert read_page(page(["a/1", "a/2"], **told), "a/", "").marker == marker


def test_names_that_were_listed_before_do_not_count_twice():
    got = read_page(page(["a/1", "a/2", "a/3"]), "a/", "a/2")
    assert [file.path for file in got.files] == ["a/3"]


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (b"", "must be S3's XML"),
        (b"<html></html>", "must be S3's XML; got <html>"),
        (b"<ListBucketResult><Contents>", "must be S3's XML"),
        (page(["b/1"]), "names must begin with a/; got b/1"),
        (page([], IsTruncated="true"), "must have names"),
        (page(["a/%FF"], EncodingType="url"), "must be S3's XML"),
    ],
)
def test_what_is_no_such_page_is_refused(data, rule):
    with pytest.raises(DataError, match=rule):
        read_page(data, "a/", "")
