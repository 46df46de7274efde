"""A store of files that is reached by HTTP alone, in the protocol of Hadoop's WebHDFS.

fsspec brings the client, so that the store is used as any other that is no folder.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

FOLDER = "/scratch"


class WebHdfs:
    """A server of this process; only files in `FOLDER` can be created.

    Attributes:
        files: content by path.
        opened: path and offset of each read, in order.
        forbidden: operations that are refused, such as `DELETE`.
        short: bytes that are missing at the end of each answer to a read.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.opened: list[tuple[str, int]] = []
        self.forbidden: set[str] = set()
        self.short = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        serve = {"poll_interval": 0.02}
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs=serve)
        self._thread.start()

    @property
    def address(self) -> str:
        return f"webhdfs://127.0.0.1:{self._server.server_address[1]}{FOLDER}"

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, path: str, asked: dict[str, str], body: bytes) -> tuple[int, Any]:
        """Status, and bytes or JSON."""
        operation = asked["op"].upper()
        if operation in self.forbidden or not path.startswith(f"{FOLDER}/"):
            return _refusal(403, "AccessControlException", "Permission denied")
        if operation in ("CREATE", "APPEND") and "node" not in asked:
            return 307, b""  # a name node sends the client to the node that takes the data
        if operation == "CREATE":
            self.files[path] = body
            return 201, b""
        if path not in self.files:
            return _refusal(404, "FileNotFoundException", "File does not exist")
        return self._of_file(operation, path, asked, body)

    def _of_file(
        self, operation: str, path: str, asked: dict[str, str], body: bytes
    ) -> tuple[int, Any]:
        content = self.files[path]
        match operation:
            case "APPEND":
                self.files[path] = content + body
                return 200, b""
            case "OPEN":
                begin = int(asked["offset"])
                self.opened.append((path, begin))
                return 200, content[begin : begin + int(asked["length"]) - self.short]
            case "GETFILESTATUS":
                return 200, {"FileStatus": {"type": "FILE", "length": len(content)}}
            case "DELETE":
                del self.files[path]
                return 200, {"boolean": True}
        return _refusal(400, "UnsupportedOperationException", operation)


def _refusal(status: int, kind: str, message: str) -> tuple[int, Any]:
    return status, {"RemoteException": {"exception": kind, "message": message}}


def _handler(store: WebHdfs) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            parts = urlsplit(self.path)
            asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, said = store.answer(parts.path.removeprefix("/webhdfs/v1"), asked, body)
            content = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(status)
            if status == 307:
                host = self.headers["Host"]
                self.send_header("Location", f"http://{host}{self.path}&node=1")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PUT = do_POST = do_DELETE = _answer  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler


@contextlib.contextmanager
def web_hdfs() -> Iterator[WebHdfs]:
    """A store that is stopped at the end."""
    store = WebHdfs()
    try:
        yield store
    finally:
        store.stop()


@pytest.fixture
def store() -> Iterator[WebHdfs]:
    """A store without files."""
    with web_hdfs() as made:
        yield made
