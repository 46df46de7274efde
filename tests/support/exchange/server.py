"""The replay exchange: Binance's and Bybit's public REST interfaces over a known history.

    python -m tests.support.exchange.server '{"days": 120}'

prints the port and serves on 127.0.0.1 until it is stopped. `POST /control` sets faults, the clock
and revisions, `GET /control` tells what was asked for. Rows are serialised once, at the start.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from typing import Any

from aiohttp import web

from tests.support.exchange.binance import Binance
from tests.support.exchange.bybit import Bybit
from tests.support.exchange.faults import Faults
from tests.support.exchange.history import COINS, HOUR, make_history
from tests.support.exchange.oddities import BODIES, odd_body
from tests.support.exchange.rows import Book, RefusedError

NO_COMPRESSION = {"Content-Type": "application/json"}


class Exchange:
    """Routes, faults, and a log of what was asked for."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.history = make_history(
            config.get("days", 120),
            config.get("now_minutes", 25),
            holes=config.get("holes", True),
            coins=config.get("coins", COINS),
            ahead_days=config.get("ahead_days", 5),
        )
        self.book = Book(self.history)
        self.venues: dict[str, Any] = {"binance": Binance(self.book), "bybit": Bybit(self.book)}
        self.faults, self.asked, self.log = Faults(), Counter[str](), list[str]()
        self.stall = asyncio.Event()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """One request to a venue."""
        venue, path, query = request.match_info["venue"], request.match_info["path"], request.query
        symbol, start = query.get("symbol") or query.get("pair") or "", _start(query)
        self.asked[f"{venue}/{path}"] += 1
        if len(self.log) < 20_000:
            self.log.append(f"{venue}/{path}?{request.query_string}")
        fault = self.faults.draw(f"{venue}/{path}", symbol, start)
        spoilt = await self._transport(fault, request)
        if spoilt is not None:
            return spoilt
        try:
            body = self.venues[venue].answer(path, dict(query), fault)
        except RefusedError as error:
            return web.json_response(error.body, status=error.status)
        if fault in BODIES and symbol:
            body = odd_body(body, fault)
        if fault == "half_json":
            body = body[: len(body) * 2 // 3]
        return web.Response(body=body, headers=NO_COMPRESSION)

    async def _transport(self, fault: str, request: web.Request) -> web.StreamResponse | None:
        if fault in ("429", "418"):
            body = {"code": -1003, "msg": "Too many requests."}
            return web.json_response(body, status=int(fault), headers={"Retry-After": "0"})
        if fault == "banned":
            body = {"code": -1003, "msg": "Way too many requests; IP banned."}
            return web.json_response(body, status=418, headers={"Retry-After": "86400"})
        if fault == "region":
            text = "Service unavailable from a restricted location according to 'b. Eligibility'"
            return web.json_response({"code": 0, "msg": text}, status=451)
        if fault == "refused":
            return web.json_response({"code": -1121, "msg": "Invalid symbol."}, status=400)
        if fault in ("500", "503"):
            return web.Response(status=int(fault), text="<html>upstream</html>")
        if fault.startswith("redirect"):
            to = {} if fault == "redirect_nowhere" else {"Location": "/elsewhere"}
            return web.Response(status=302, headers=to, text="[]")
        if fault == "odd_status":
            return web.json_response([], status=402)  # one that ccxt does not know
        if fault == "html":
            return web.Response(text="<html>welcome</html>", content_type="text/html")
        if fault == "maintenance":
            return web.Response(
                status=200,
                text="<html>System is under maintenance</html>",
                content_type="text/html",
            )
        if fault == "bad_json":
            return web.Response(
                body=b'{"code": 0, "list": [[1, 2,, nonsense', headers=NO_COMPRESSION
            )
        if fault == "odd_json":
            return web.json_response({"unexpected": [True]})
        if fault == "timeout":
            await asyncio.sleep(1.2)
            return web.Response(status=504, text="late")
        if fault == "cut":
            response = web.StreamResponse(headers={**NO_COMPRESSION, "Content-Length": "100000"})
            await response.prepare(request)
            await response.write(b"[[1672531200000,")
            assert request.transport is not None
            request.transport.abort()
            return response
        return None

    async def control(self, request: web.Request) -> web.Response:
        """Set what is in the body; tell what was asked for since the log was last cleared."""
        if request.method == "POST":
            wish = await request.json()
            if "faults" in wish:
                self.faults = Faults(**wish["faults"])
            if "hours" in wish:
                self.history.now += int(wish["hours"]) * HOUR
            if "seconds" in wish:
                self.history.now += int(wish["seconds"]) * 1000
            self.history.brackets = wish.get("brackets", self.history.brackets)
            self.history.changed_hours |= wish.get("changed_hours", {})
            for change in wish.get("revise", []):
                self.book.revise(**change)
            if wish.get("clear"):
                self.asked.clear()
                self.log.clear()
        return web.json_response(
            {
                "asked": self.asked,
                "log": self.log,
                "faults": self.faults.seen,
                "now": self.history.now,
                "start": self.history.start,
            }
        )


def _start(query: Any) -> int:
    for name in ("startTime", "start"):
        if name in query:
            return int(query[name])
    return 0


async def elsewhere(_: web.Request) -> web.Response:
    """Where a redirection leads: an answer without records."""
    return web.json_response([])


async def serve(config: dict[str, Any]) -> None:
    """Serve until cancelled; the port is printed once it is open."""
    exchange = Exchange(config)
    app = web.Application()
    app.router.add_route("*", "/control", exchange.control)
    app.router.add_get("/elsewhere", elsewhere)
    app.router.add_get("/{venue:binance|bybit}/{path:.*}", exchange.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server: Any = site._server
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)  # until the parent ends
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(serve(json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}))
