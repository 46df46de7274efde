"""An exchange that gives the same answers to the same paths, whatever range is asked for."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


class Canned:
    """Serves `answers`: a part of the request's path, or of its JSON body, → the answer.

    Args:
        answers: the first part that is in `path?query` or in the body decides.
    """

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self.asked: list[str] = []
        canned = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.reply(self.path)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.reply(f"{self.path} {body.decode()}")

            def reply(self, asked: str) -> None:
                canned.asked.append(asked)
                found = next((a for part, a in answers.items() if part in asked), None)
                data = json.dumps(found).encode()
                self.send_response(404 if found is None else 200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.root = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def queries(self, part: str) -> list[dict[str, str]]:
        """The queries of all requests whose path holds `part`."""
        found = [urlsplit(a.split(" ")[0]) for a in self.asked if part in a]
        return [{k: v[0] for k, v in parse_qs(url.query).items()} for url in found]

    def close(self) -> None:
        """Stop it."""
        self._server.shutdown()
        self._server.server_close()
