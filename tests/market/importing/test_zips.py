"""Zip files from strangers: one plain CSV is read, everything else is refused by name."""

from __future__ import annotations

import io
import stat
import struct
import zipfile

import pytest

from fadefollow.errors import DataError
from fadefollow.market.importing.zips import ZipLimits, looks_like_page, read_csv_member

WHERE = "BTCUSDT-1h-2024-01.zip"


def archive(*members: tuple[str | zipfile.ZipInfo, bytes], method: int = 8) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as file:
        for name, data in members:
            file.writestr(name, data, method)
    return made.getvalue()


def refused(data: bytes, rule: str, limits: ZipLimits | None = None) -> DataError:
    with pytest.raises(DataError, match=rule) as caught:
        read_csv_member(data, WHERE, limits)
    assert caught.value.where == WHERE
    return caught.value


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_the_one_csv_is_read(method):
    data = b"1,2,3\n" * 100_000
    assert read_csv_member(archive(("a-1h.csv", data), method=method), WHERE) == data


@pytest.mark.parametrize(
    "name",
    [
        "../a.csv",
        "/etc/a.csv",
        "a/b.csv",
        "..\\a.csv",
        "C:\\a.csv",
        "C:a.csv",
        "a.csv/",
        ".csv",
        "a.csv\x00.exe",
        "a.exe",
        "-rf.csv",
        "a.zip",
        "a b.csv",
        "~/a.csv",
        "币/a.csv",
        "a\u202e.csv",
    ],
)
def test_a_name_that_is_no_plain_csv_is_refused(name):
    info = zipfile.ZipInfo("x" * len(name.encode()) or "x")
    raw = archive((info, b"1\n")).replace(info.filename.encode(), name.encode())
    refused(raw, "no path|is damaged")


def test_a_name_in_any_script_is_read_also_where_the_packer_did_not_say_utf_8():
    name = "币安人生USDT-1h-2025-01.csv"
    assert read_csv_member(archive((name, b"1\n")), WHERE) == b"1\n"
    stand_in = "x" * len(name.encode())  # ASCII, so that no flag is set
    raw = archive((stand_in, b"2\n")).replace(stand_in.encode(), name.encode())
    assert read_csv_member(raw, WHERE) == b"2\n"


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFDIR, stat.S_IFIFO, stat.S_IFCHR])
def test_a_link_or_device_is_refused(kind):
    info = zipfile.ZipInfo("a.csv")
    info.external_attr = (kind | 0o777) << 16
    refused(archive((info, b"/etc/passwd")), "not a link")


def test_several_members_or_none_are_refused():
    assert refused(archive(), "exactly one CSV").got == "0 members"
    two = archive(("a.csv", b"1\n"), ("b.csv", b"2\n"))
    assert refused(two, "exactly one CSV").got == "2 members"
    many = archive(*((f"{n}.csv", b"") for n in range(3000)))
    assert refused(many, "exactly one CSV").got == "3000 members"


def test_a_false_number_of_members_does_not_help():
    two = bytearray(archive(("a.csv", b"1\n"), ("b.csv", b"2\n")))
    struct.pack_into("<HH", two, len(two) - 14, 1, 1)
    refused(bytes(two), "exactly one CSV")


def test_a_bomb_is_refused_by_what_it_says_of_itself():
    bomb = archive(("a.csv", b"0" * (4 << 20)))
    assert "times its size" in refused(bomb, "300 times its packed size").got
    limits = ZipLimits(unpacked=1 << 20)
    assert refused(bomb, "at most 1,048,576 bytes", limits).got == "4,194,304 bytes"


def test_a_bomb_that_lies_about_its_size_is_not_unfolded():
    """The declared size is 100 bytes; what unfolds beyond it is never kept."""
    bomb = bytearray(archive(("a.csv", b"0" * (4 << 20))))
    directory = bomb.index(b"PK\x01\x02")
    struct.pack_into("<I", bomb, directory + 24, 100)
    struct.pack_into("<I", bomb, 22, 100)
    refused(bytes(bomb), "is damaged")


def test_a_zip_in_a_zip_is_refused():
    refused(archive(("a.csv", archive(("b.csv", b"1\n")))), "a nested zip")


def test_an_encrypted_file_is_refused():
    data = bytearray(archive(("a.csv", b"1,2\n")))
    directory = data.index(b"PK\x01\x02")
    struct.pack_into("<H", data, 6, 1)
    struct.pack_into("<H", data, directory + 8, 1)
    refused(bytes(data), "must not be encrypted")


def test_another_compression_is_refused():
    data = bytearray(archive(("a.csv", b"1,2\n")))
    directory = data.index(b"PK\x01\x02")
    struct.pack_into("<H", data, 8, 99)
    struct.pack_into("<H", data, directory + 10, 99)
    refused(bytes(data), "is damaged")


def test_every_cut_of_a_file_is_refused():
    whole = archive(("a.csv", bytes(range(256)) * 8))
    for end in range(len(whole)):
        with pytest.raises(DataError):
            read_csv_member(whole[:end], WHERE)


def test_every_altered_byte_is_refused_or_harmless():
    """A changed byte is refused, or is one that has nothing to do with the content."""
    content = b"1704067200000,1,2,0.5,1,9\n" * 40
    whole = archive(("a.csv", content))
    for at in range(len(whole)):
        spoilt = bytearray(whole)
        spoilt[at] ^= 0xFF
        try:
            assert read_csv_member(bytes(spoilt), WHERE) == content
        except DataError as error:
            assert error.where == WHERE  # noqa: PT017


def test_zip64_and_long_contents_are_refused():
    plain = archive(("a.csv", b"1\n"))
    end = plain.rindex(b"PK\x05\x06")
    refused(plain[:end] + b"PK\x06\x07" + bytes(16) + plain[end:], "below 4 GB")
    info = zipfile.ZipInfo("a.csv")
    info.comment = b"x" * 60_000
    assert "bytes of contents" in refused(archive((info, b"1\n")), "exactly one CSV").got


def test_a_file_too_large_is_not_opened():
    data = archive(("a.csv", b"1,2\n"))
    refused(data, "at most 10 bytes", ZipLimits(packed=10))


@pytest.mark.parametrize(
    "page", [b"<!DOCTYPE html><p>x", b"\xef\xbb\xbf\n <html>", b"<?xml version='1.0'?><Error/>"]
)
def test_an_error_page_is_told_from_a_zip(page):
    assert looks_like_page(page)
    assert refused(page, "must be a zip file").got == "a web page"
    assert not looks_like_page(b"PK\x03\x04")
    assert "no zip file" in refused(b"time,open\n1,2\n", "is damaged").got
    refused(b"", "is damaged")
