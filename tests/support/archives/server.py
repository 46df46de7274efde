"""A local HTTP server for an archive's files and its listing, with faults on a schedule."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape

#: what the log and the faults call a page of a listing
LIST = "listing"
PAGE = b"<!DOCTYPE html><html><body>maintenance</body></html>"


class Archive(ThreadingHTTPServer):
    """Serves `files`; `faults[path]` are spent one a request, `log` holds the paths asked for.

    A listing has `page_size` names a page, folders counted. The log has it as `listing`, and
    `listed` its prefixes.
    """

    daemon_threads = True

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files, self.log, self.listed = files, list[str](), list[str]()
        self.page_size = 1000
        self.faults: dict[str, list[str]] = {}
        self.guard = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def spend(self, path: str) -> str:
        """Note a request; its fault, or nothing."""
        with self.guard:
            self.log.append(path)
            queue = self.faults.get(path) or self.faults.get("*") or []
            return queue.pop(0) if queue else ""


class _Handler(BaseHTTPRequestHandler):
    server: Archive
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one segment

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        path = unquote(asked.path.lstrip("/"))
        if not path and asked.query:
            self._list({name: values[0] for name, values in parse_qs(asked.query).items()})
            return
        fault, data = self.server.spend(path), self.server.files.get(path)
        if fault.isdigit():
            self._send(int(fault), b"", {"Retry-After": "0"})
        elif fault == "page":
            self._send(200, PAGE)
        elif data is None:
            self._send(404, b"<?xml version='1.0'?><Error><Code>NoSuchKey</Code></Error>")
        elif fault == "cut":
            self._send(200, data[: len(data) // 2], {"Content-Length": str(len(data))})
            self.close_connection = True
        elif fault == "short":  # a truncated file that looks whole to HTTP
            self._send(200, data[: len(data) // 2])
        elif fault == "wrong":
            self._send(200, data[:-1] + bytes([data[-1] ^ 1]))
        else:
            self._send(200, data)

    def _list(self, asked: dict[str, str]) -> None:
        """A page of the bucket's listing, or a wrong one."""
        fault = self.server.spend(LIST)
        prefix, marker = asked.get("prefix", ""), asked.get("marker", "")
        with self.server.guard:
            self.server.listed.append(prefix)
        if fault.isdigit():
            self._send(int(fault), b"", {"Retry-After": "0"})
        elif fault == "page":
            self._send(200, PAGE)
        else:
            after = "" if fault == "repeat" else marker
            data = listing_xml(
                self.server.files, "other/" if fault == "other" else prefix, after, self.server
            )
            if fault == "last":  # says that nothing follows
                data = data.replace(b"<IsTruncated>true", b"<IsTruncated>false")
            self._send(200, data[: len(data) // 2] if fault == "short" else data)

    def _send(self, code: int, data: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(code)
        for name, value in {"Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Quiet."""


def listing_xml(files: dict[str, bytes], prefix: str, marker: str, server: Archive) -> bytes:
    """As S3 writes it: keys and common prefixes in one order, percent-encoded."""
    names: dict[str, str] = {}
    for path in sorted(files):
        inside = path.removeprefix(prefix)
        if path.startswith(prefix):
            folder = "/" in inside
            name = prefix + inside.partition("/")[0] + "/" if folder else path
            if name > marker:
                names[name] = "folder" if folder else "file"
    page = list(names)[: server.page_size]
    more = len(names) > len(page)
    items = [
        f"<CommonPrefixes><Prefix>{quote(name)}</Prefix></CommonPrefixes>"
        if names[name] == "folder"
        else f"<Contents><Key>{quote(name)}</Key><LastModified>2025-01-01T00:00:00.000Z"
        f"</LastModified><ETag>&quot;{hashlib.md5(files[name]).hexdigest()}&quot;</ETag>"
        f"<Size>{len(files[name])}</Size></Contents>"
        for name in page
    ]
    follows = f"<NextMarker>{quote(page[-1])}</NextMarker>" if more else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<Name>data.binance.vision</Name><Prefix>{escape(quote(prefix))}</Prefix>"
        f"<Marker>{quote(marker)}</Marker>{follows}<MaxKeys>{server.page_size}</MaxKeys>"
        "<Delimiter>/</Delimiter><EncodingType>url</EncodingType>"
        f"<IsTruncated>{str(more).lower()}</IsTruncated>{''.join(items)}</ListBucketResult>"
    ).encode()


@contextmanager
def serving(files: dict[str, bytes]) -> Iterator[Archive]:
    """A server on a free port, stopped at the end."""
    server = Archive(files)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
