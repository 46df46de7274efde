"""What lies in a folder of an archive: pages of S3's listing, and folders of a mirror.

A bucket lists at most a thousand names at a time, in the order of their bytes, after a marker.
Pages are not believed blindly: a full page that says that it is the last is asked beyond, names
that are not after the marker do not count, and a page of nothing else is asked for again.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote
from xml.etree import ElementTree

from fadefollow.errors import DataError

#: bytes of a page of a listing; a thousand names take some 400 kB
LARGEST_PAGE = 8 << 20


@dataclass(frozen=True)
class ListedFile:
    """One file as a listing has it."""

    path: str
    size: int  #: bytes
    mark: str  #: changes with the content: the ETag, or the time at which it was written

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True)
class Listing:
    """What lies directly below a prefix, by name."""

    folders: tuple[str, ...]  #: paths that end with `/`
    files: tuple[ListedFile, ...]


@dataclass(frozen=True)
class Page:
    """One page of a listing: what is new on it, and the marker after which the next one begins."""

    folders: tuple[str, ...]
    files: tuple[ListedFile, ...]
    marker: str | None


def page_query(prefix: str, marker: str) -> str:
    """The query of one page: names below `prefix` up to the next `/`, after `marker`."""
    asked = {"delimiter": "/", "encoding-type": "url", "prefix": prefix}
    if marker:
        asked["marker"] = marker
    return "&".join(f"{name}={quote(value, safe='/')}" for name, value in asked.items())


def read_page(data: bytes, prefix: str, marker: str) -> Page:
    """One page of S3's XML.

    Args:
        data: the answer.
        prefix, marker: what was asked for.

    Raises:
        DataError: no such XML, a listing of another prefix, or nothing that was not listed before.
    """
    where = f"the listing of {prefix}"
    try:
        root = ElementTree.fromstring(data)
        files = [_file(item, root) for item in root.findall("{*}Contents")]
    except (ElementTree.ParseError, ValueError) as error:
        raise DataError("the listing must be S3's XML", got=str(error), where=where) from error
    if root.tag.rpartition("}")[2] != "ListBucketResult":
        raise DataError("the listing must be S3's XML", got=f"<{root.tag}>", where=where)
    folders = [_text(item, "Prefix", root) for item in root.findall("{*}CommonPrefixes")]
    names = [*folders, *(file.path for file in files)]
    echo = _text(root, "Prefix", root)
    if echo not in ("", prefix):
        raise DataError(f"the listing must be of {prefix}", got=echo, where=where)
    strange = [name for name in names if not name.startswith(prefix)]
    if strange:
        raise DataError(f"names must begin with {prefix}", got=strange[0], where=where)
    new = [name for name in names if name > marker]
    if names and not new:
        rule = "the listing must go on after its marker"
        raise DataError(rule, got=f"{names[-1]} after {marker}", where=where)
    truncated = _text(root, "IsTruncated", root).lower() == "true"
    if truncated and not names:
        raise DataError("a page before the last one must have names", got="none", where=where)
    most = _text(root, "MaxKeys", root)
    full = most.isdigit() and len(names) >= int(most)
    goes_on = truncated or full or bool(_text(root, "NextMarker", root))
    return Page(
        tuple(name for name in folders if name > marker),
        tuple(file for file in files if file.path > marker),
        max(new) if goes_on and new else None,
    )


def _file(item: ElementTree.Element, root: ElementTree.Element) -> ListedFile:
    mark = _text(item, "ETag", root).strip('"')
    return ListedFile(_text(item, "Key", root), int(_text(item, "Size", root) or 0), mark)


def _text(item: ElementTree.Element, name: str, root: ElementTree.Element) -> str:
    """An element's text, decoded where the bucket says that names are encoded."""
    text = item.findtext(f"{{*}}{name}") or ""
    coded = name in ("Key", "Prefix", "NextMarker") and root.findtext("{*}EncodingType") == "url"
    return unquote(text, errors="strict") if coded else text


def list_folder(root: Path, prefix: str, after: str) -> Listing:
    """What a mirror folder has below a prefix, after a marker.

    Raises:
        OSError: the folder cannot be read.
    """
    folder, _, start = prefix.rpartition("/")
    place = root / folder
    folders: list[str] = []
    files: list[ListedFile] = []
    if not place.is_dir():
        return Listing((), ())
    with os.scandir(place) as entries:
        for entry in entries:
            path = f"{folder}/{entry.name}"
            if not entry.name.startswith(start):
                continue
            if entry.is_dir():
                folders.append(f"{path}/")
            elif path > after:
                facts = entry.stat()
                files.append(ListedFile(path, facts.st_size, str(facts.st_mtime_ns)))
    return Listing(
        tuple(sorted(name for name in folders if name > after)),
        tuple(sorted(files, key=lambda file: file.path)),
    )
