"""A receiver of messages on this machine that fails, hangs and repeats as it is told."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Receiver:
    """A local HTTP server.

    Attributes:
        plan: what the next requests get, one each: a status, `hang` (no answer), `cut` (the
            message is taken, the connection ends without an answer), `drip` (headers letter by
            letter, for ever), or (status, headers, body); then 200.
        taken: messages that were answered with 200 or `cut`, as they came: path, key, JSON.
    """

    plan: list[Any] = field(default_factory=list)
    taken: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    asked: int = 0
    headers: list[dict[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def keys(self) -> list[str]:
        """Of the messages that it took, in order."""
        return [key for _, key, _ in self.taken]

    def close(self) -> None:
        """Stop."""
        self._over.set()
        self._server.shutdown()
        self._server.server_close()

    def _handler(receiver) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - `self` is the handler
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with receiver._lock:
                    receiver.asked += 1
                    receiver.headers.append(dict(self.headers))
                    step = receiver.plan.pop(0) if receiver.plan else 200
                    if step in (200, "cut"):
                        key = self.headers.get("Idempotency-Key", "")
                        receiver.taken.append((self.path, key, body))
                self._answer(step)

            def _answer(self, step: Any) -> None:
                if step == "hang":
                    receiver._over.wait(30)
                elif step == "drip":
                    self._drip()
                elif step != "cut":
                    status, headers, text = step if isinstance(step, tuple) else (step, {}, "")
                    self.send_response(status)
                    for name, value in {"Content-Length": str(len(text)), **headers}.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(text.encode())
                self.close_connection = True

            def _drip(self) -> None:
                self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                deadline = time.monotonic() + 30
                while not receiver._over.wait(0.02) and time.monotonic() < deadline:
                    try:
                        self.wfile.write(b"a")
                    except OSError:
                        return

            def log_message(self, format: str, *args: Any) -> None:
                pass

        return Handler
