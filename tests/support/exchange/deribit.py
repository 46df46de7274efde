"""Answers of Deribit, as its documentation has them."""

from __future__ import annotations

from typing import Any

#: BTC's perpetual among the instruments: 10 USD a contract, margined in BTC
#: of any instrument on BTC
COMMON = {
    "base_currency": "BTC",
    "is_active": True,
    "quote_currency": "USD",
    "counter_currency": "USD",
    "settlement_currency": "BTC",
    "creation_timestamp": 1534167754000,
    "tick_size": 0.5,
    "min_trade_amount": 10,
    "contract_size": 10,
    "taker_commission": 0.0005,
    "maker_commission": 0.0,
    "instrument_type": "reversed",
}
PERPETUAL = {
    **COMMON,
    "instrument_name": "BTC-PERPETUAL",
    "kind": "future",
    "settlement_period": "perpetual",
    "expiration_timestamp": 32503708800000,
}


def answer(result: Any) -> dict[str, Any]:
    """A result in the envelope of its JSON-RPC."""
    return {"jsonrpc": "2.0", "result": result, "usIn": 1, "usOut": 2}
