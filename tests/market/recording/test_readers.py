"""What OKX, Deribit and Bybit answer, by their documentation, through ccxt into records."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from fadefollow.errors import DataError
from fadefollow.market.datasets.open import open_dataset
from fadefollow.market.datasets.spec import DatasetSpec
from fadefollow.market.recording import RecordRequest, Round, record_job
from fadefollow.market.recording.readers import recorded_by
from fadefollow.market.schema import canonical
from fadefollow.market.store.store import Store, Update
from tests.support.exchange import deribit
from tests.support.exchange.canned import Canned

NOW = pd.Timestamp("2026-11-20 10:00:01", tz="UTC")
HOUR = pd.Timedelta(hours=1)
MS = NOW.value // 10**6
EXPIRY = pd.Timestamp("2026-12-25 08:00", tz="UTC")
Recorded = Callable[..., tuple[Round, dict[str, pd.DataFrame]]]


@pytest.fixture
def recorded(tmp_path: Path) -> Iterator[Recorded]:
    """Record a round from canned answers; the round and the tables of the first coin."""
    running: list[Canned] = []

    def make(
        venue: str, answers: dict[str, Any], *, streams: tuple[str, ...] = (), url: str = "rest"
    ) -> tuple[Round, dict[str, pd.DataFrame]]:
        running.append(exchange := Canned(answers))
        settings = {"urls": {"api": {url: exchange.root}}, "enableRateLimit": False}
        spec = DatasetSpec(title=venue, source="fetch", bar="1h", venue=venue, ccxt=settings)
        request = RecordRequest(("BTC",), streams)
        (found,) = record_job(spec, venue, request, tmp_path, first_wait=0.001)
        store = Store(tmp_path)
        return found, store.load(venue, "BTC", manifest=store.read(venue))

    yield make
    for exchange in running:
        exchange.close()


def okx(data: Any) -> dict[str, Any]:
    return {"code": "0", "msg": "", "data": data}


def okx_answers() -> dict[str, Any]:
    swap = {
        "instType": "SWAP",
        "instId": "BTC-USDT-SWAP",
        "uly": "BTC-USDT",
        "instFamily": "BTC-USDT",
        "settleCcy": "USDT",
        "ctVal": "0.01",
        "ctMult": "1",
        "ctValCcy": "BTC",
        "ctType": "linear",
        "state": "live",
        "listTime": "1606468572000",
        "tickSz": "0.1",
        "lotSz": "0.01",
        "minSz": "0.01",
        "lever": "100",
    }
    spot = {
        "instType": "SPOT",
        "instId": "BTC-USDT",
        "baseCcy": "BTC",
        "quoteCcy": "USDT",
        "state": "live",
        "listTime": "1606468572000",
        "tickSz": "0.1",
        "lotSz": "1",
        "minSz": "1",
        "lever": "10",
    }
    tiers = [
        {"tier": "2", "minSz": "1000.01", "maxSz": "5000", "mmr": "0.005", "imr": "0.015"},
        {"tier": "1", "minSz": "0", "maxSz": "1000", "mmr": "0.004", "imr": "0.01"},
    ]
    rate = {
        "instId": "BTC-USDT-SWAP",
        "instType": "SWAP",
        "fundingRate": "0.0001",
        "fundingTime": str(MS + 3_600_000),
        "nextFundingTime": str(MS + 5 * 3_600_000),
        "maxFundingRate": "0.00375",
        "minFundingRate": "-0.00375",
        "ts": str(MS),
    }
    held = [
        {"instId": f"BTC-USD-261225-{strike}-C", "instType": "OPTION", "oi": "300", "oiCcy": coins}
        for strike, coins in (("20000", "1"), ("90000", "3"), ("400000", "0.5"))
    ]
    return {
        "public/time": okx([{"ts": str(MS)}]),
        "instruments?instType=SPOT": okx([spot]),
        "instruments?instType=SWAP": okx([swap]),
        "instruments?instType=FUTURES": okx([]),
        "public/open-interest?instType=OPTION": okx(
            [{**one, "oiUsd": "3", "ts": str(MS)} for one in held]
        ),
        "public/opt-summary": okx([]),
        "public/funding-rate": okx([rate]),
        "public/position-tiers": okx(tiers),
    }


def test_okx_tiers_are_in_coins_and_its_whole_chain_is_taken(recorded: Recorded) -> None:
    made, tables = recorded("okx", okx_answers())
    assert made.taken == NOW
    assert made.records == {"BTC": {"options": 3, "contract": 1, "funding_terms": 1, "brackets": 2}}
    # tier 2 begins above 1,000 contracts of 0.01 BTC
    brackets = tables["brackets"][["floor", "rate", "deduction", "in_coins"]]
    assert brackets.to_numpy().tolist() == [[0.0, 0.004, 0.0, 1.0], [10.0, 0.005, 0.0, 1.0]]
    terms = tables["funding_terms"].iloc[0][["interval_hours", "cap", "floor"]].tolist()
    assert terms == [4.0, 0.00375, -0.00375]
    contract = tables["contract"].iloc[0]
    assert contract[["size", "inverse", "tick", "smallest", "leverage"]].tolist() == [
        0.01,
        0.0,
        0.1,
        pytest.approx(0.0001),
        100.0,
    ]
    # deep in and far out of the money, not near it only
    assert tables["options"]["strike"].tolist() == [20_000.0, 90_000.0, 400_000.0]


def test_deribit_chains_feed_the_stream_of_options_as_of_when_they_were_taken(
    recorded: Recorded, tmp_path: Path
) -> None:
    chain = [
        {
            "instrument_name": f"BTC-25DEC26-{strike}-{right}",
            "base_currency": "BTC",
            "quote_currency": "BTC",
            "open_interest": held,
            "mark_iv": 52.5,
            "underlying_price": 88000.0,
            "mark_price": 0.04,
            "volume": 4.0,
            "creation_timestamp": MS,
        }
        for strike, right, held in ((90000, "C", 364.1), (90000, "P", 12.0), (10000, "P", 0.1))
    ]
    assert recorded_by("deribit") == ("options", "contract")
    made, tables = recorded(
        "deribit",
        {
            "public/get_time": deribit.answer(MS),
            "public/get_instruments": deribit.answer([deribit.PERPETUAL]),
            "public/get_book_summary_by_currency": deribit.answer(chain),
        },
    )
    assert made.records == {"BTC": {"options": 3, "contract": 1}}
    contract = tables["contract"].iloc[0]
    # 10 USD a contract
    assert contract[["size", "inverse", "tick"]].tolist() == [10.0, 1.0, 0.5]
    store = Store(tmp_path)
    times = pd.date_range(NOW.floor("h") - 2 * HOUR, periods=4, freq="h")
    bars = pd.DataFrame({"time": times, "open": 9e4, "high": 9e4, "low": 9e4, "close": 9e4})
    perps = canonical(bars, "perp", bar=HOUR, where="test")
    store.update("deribit", lambda _: Update({"BTC": {"perp": perps}}), bar=HOUR)
    spec = DatasetSpec(title="t", source="fetch", venue="deribit", bar="1h")
    market = open_dataset(spec, "deribit", tmp_path).markets["BTC"]
    options = market.table("options")
    assert set(options["time"]) == set(options["available"]) == {NOW}
    assert options[["strike", "right", "open_interest", "iv"]].to_numpy().tolist() == [
        [10_000.0, "put", 0.1, 0.525],
        [90_000.0, "call", 364.1, 0.525],
        [90_000.0, "put", 12.0, 0.525],
    ]
    assert set(options["expiry"]) == {EXPIRY}
    # the bar that closed a second before has nothing of it
    assert "options" not in market.until(NOW.floor("h")).streams
    assert "options" in market.until(NOW.floor("h") + HOUR).streams


def test_tiers_without_numbers_are_not_stored(recorded: Recorded, tmp_path: Path) -> None:
    answers = okx_answers()
    answers["public/position-tiers"] = okx([{"tier": "1", "minSz": "0", "maxSz": "x", "mmr": ""}])
    with pytest.raises(DataError, match="no valid answer from OKX"):
        recorded("okx", answers, streams=("brackets",))
    assert not any(tmp_path.iterdir())
