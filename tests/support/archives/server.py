"""A local HTTP server for an archive's files, with faults on a schedule."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PAGE = b"<!DOCTYPE html><html><body>maintenance</body></html>"


class Archive(ThreadingHTTPServer):
    """Serves `files`; `faults[path]` are spent one a request, `log` holds the paths asked for."""

    daemon_threads = True

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files, self.log = files, list[str]()
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
        path = self.path.lstrip("/")
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

    def _send(self, code: int, data: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(code)
        for name, value in {"Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Quiet."""


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
