"""Reading the one CSV of an untrusted zip file, in memory: nothing is ever written to disk.

A zip file may name paths outside its folder, hold symbolic links, claim false sizes or unfold to
terabytes. The archive's files hold exactly one plain CSV; everything else is refused with the
file's name, before it is unpacked where that can be told.
"""

from __future__ import annotations

import contextlib
import io
import re
import stat
import struct
import zipfile
import zlib
from dataclasses import dataclass

from fadefollow.errors import DataError

_END = b"PK\x05\x06"  # starts the record at a zip file's end
_END_SIZE = 22
_ZIP64 = b"PK\x06\x07"  # 20 bytes before it, in files beyond 4 GB
#: letters and digits of any script, as coins' names have; nothing is written under this name
_PLAIN = re.compile(r"[^\W_][\w.-]{0,120}\.csv", re.IGNORECASE)
_UTF8 = 0x800  # flag of a member whose name is in UTF-8; otherwise zipfile takes it for cp437
_CHUNK = 1 << 18
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    struct.error,
    ValueError,
    OverflowError,
    NotImplementedError,
    RuntimeError,
    OSError,
)


@dataclass(frozen=True)
class ZipLimits:
    """Limits of a zip file, packed and unpacked, in bytes."""

    packed: int = 128 << 20
    unpacked: int = 512 << 20
    #: unpacked to packed; zlib reaches 1032, years of equal rows about 100
    ratio: float = 300.0
    #: the ratio is looked at beyond this size
    small: int = 1 << 20
    #: of the table of contents: some entries at most, so that listing it costs nothing
    contents: int = 4096


def read_csv_member(data: bytes, where: str, limits: ZipLimits | None = None) -> bytes:
    """The bytes of the one CSV in a zip file.

    Args:
        data: the zip file.
        where: its name, for messages.
        limits: what is taken for a bomb.

    Raises:
        DataError: it is no zip file, damaged, encrypted, a bomb, or holds anything but one CSV
            with a plain name.
    """
    limits = limits or ZipLimits()
    if len(data) > limits.packed:
        raise DataError(
            f"a zip file must have at most {limits.packed:,} bytes",
            got=f"{len(data):,}",
            where=where,
        )
    _check_contents(data, where, limits)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            info = _only(file.infolist(), where)
            _check_size(info, where, limits)
            made = _unpack(file, info, where, limits)
    except DataError:
        raise
    except _DAMAGED as error:
        raise damaged(where, str(error).splitlines()[0] if str(error) else "a cut file") from error
    if made[:4] == b"PK\x03\x04":
        raise DataError("the zip file must contain a CSV", got="a nested zip", where=where)
    return made


def damaged(where: str, got: str) -> DataError:
    """The error for a zip file that cannot be read."""
    hint = "delete the file and download it again"
    return DataError("the zip file is damaged", got=got, where=where, hint=hint)


def looks_like_page(data: bytes) -> bool:
    """Whether these bytes are a web page (an error, a login) instead of a file."""
    start = data[:256].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return start.startswith((b"<!doctype", b"<html", b"<?xml", b"<error", b"<head"))


def _check_contents(data: bytes, where: str, limits: ZipLimits) -> None:
    """Refuse a long table of contents before it is read into memory."""
    if looks_like_page(data):
        raise DataError(
            "the file must be a zip file",
            got="a web page",
            where=where,
            hint="the server answered with an error page: delete the file and try again",
        )
    at = data.rfind(_END, max(0, len(data) - _END_SIZE - 65_535))
    if at < 0 or len(data) < at + _END_SIZE:
        raise damaged(where, "no end record: no zip file, or a cut one")
    if data[max(at - 20, 0) : at].startswith(_ZIP64):
        raise DataError("the zip file must be below 4 GB", got="zip64", where=where)
    entries, size = struct.unpack_from("<HI", data, at + 10)
    if entries != 1 or size > limits.contents:
        raise DataError(
            "the zip file must contain exactly one CSV",
            got=f"{entries} members" if entries != 1 else f"{size:,} bytes of contents",
            where=where,
        )


def _only(members: list[zipfile.ZipInfo], where: str) -> zipfile.ZipInfo:
    """The single member, if it is a plain unencrypted CSV."""
    if len(members) != 1:
        got = f"{len(members)} members"
        raise DataError("the zip file must contain exactly one CSV", got=got, where=where)
    info = members[0]
    name = _name(info)
    if not _PLAIN.fullmatch(name):
        raise DataError(
            "the name of the CSV in the zip file must have no path",
            got=repr(name[:120]),
            where=where,
        )
    mode = info.external_attr >> 16
    if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        raise DataError(
            "the zip file must contain a regular file, not a link", got=repr(name), where=where
        )
    if info.flag_bits & 0x41:
        raise DataError("the zip file must not be encrypted", got=repr(name), where=where)
    return info


def _name(info: zipfile.ZipInfo) -> str:
    """A member's name; in UTF-8 also where the packer did not say so."""
    name = info.orig_filename
    if info.flag_bits & _UTF8:
        return name
    with contextlib.suppress(UnicodeError):
        return name.encode("cp437").decode("utf-8")
    return name


def _check_size(info: zipfile.ZipInfo, where: str, limits: ZipLimits) -> None:
    if info.file_size > limits.unpacked:
        raise _bomb(f"{info.file_size:,} bytes", where, limits)
    ratio = info.file_size / max(info.compress_size, 1)
    if info.file_size > limits.small and ratio > limits.ratio:
        raise _bomb(f"{ratio:,.0f} times its size", where, limits)


def _unpack(file: zipfile.ZipFile, info: zipfile.ZipInfo, where: str, limits: ZipLimits) -> bytes:
    """Piece by piece, whatever the file says of itself; zipfile checks length and CRC."""
    made = bytearray()
    with file.open(info) as member:
        while piece := member.read(_CHUNK):
            made += piece
            if len(made) > min(limits.unpacked, info.file_size):
                raise _bomb(f"more than {len(made):,} bytes", where, limits)
    if len(made) != info.file_size:
        raise damaged(where, f"{len(made):,} of {info.file_size:,} bytes")
    return bytes(made)


def _bomb(got: str, where: str, limits: ZipLimits) -> DataError:
    return DataError(
        f"the CSV must unpack to at most {limits.unpacked:,} bytes "
        f"and {limits.ratio:g} times its packed size",
        got=got,
        where=where,
    )
