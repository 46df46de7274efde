"""Names of coins: what is one in which form, and what could do harm is refused."""

from __future__ import annotations

import pandas as pd
import pytest

from fadefollow.errors import ParameterError
from fadefollow.market.infer.names import infer_name, infer_names
from fadefollow.market.names import check_symbol
from fadefollow.market.store.store import Store
from tests.support.market_tables import HOUR, bars


@pytest.mark.parametrize(
    "name",
    ["BTC", "1INCH", "1000PEPE", "币安人生", "ДОГЕ", "ビットコイン", "عملة", "A" * 40, "币" * 40],
)
def test_letters_and_digits_of_any_script_are_a_coin(name: str) -> None:
    assert check_symbol(name) == name


def test_a_name_has_one_form_however_it_was_typed() -> None:
    # か and a voiced mark, as macOS writes file names, is the single letter が
    assert check_symbol("か\u3099く") == "\u304cく"


@pytest.mark.parametrize(
    "name",
    [
        *("", "btc", "A" * 41, "A-B", "A_B", "B C"),
        *(".", "..", "../X", "A/B", "A\\B", "C:", "<b>", "A&B", "'", '"', "%2E"),
        *("BTC\n", "BTC\0", "\x1b[2J", "B\x7fC"),
        *(
            "B\u202eTC",
            "\u2066BTC",
            "BTC\u200b",
            "BT\u200dC",
            "BT\ufe0fC",
            "BTC\u00ad",
            "\ufeffBTC",
        ),
        *("\u3164", "A\u115f", "A\u1160", "A\uffa0"),
        *("B\u0301\u0301TC", "\u0301BTC", "ＢＴＣ", "Ⅷ", "①", "BTC²", "🚀", "\ud800"),
        *("CON", "NUL", "COM1", "LPT9"),
    ],
)
def test_what_could_do_harm_or_pass_for_another_name_is_refused(name: str) -> None:
    with pytest.raises(ParameterError, match="a coin's name must be 1 to 40 capital letters") as it:
        check_symbol(name)
    # the message does nothing to a terminal either
    assert str(it.value).isprintable() or "\n  hint:" in str(it.value)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("btc", "write BTC"),
        ("ＢＴＣ", "write BTC"),
        ("CON", "Windows keeps this name for a device"),
        ("../X", ""),
    ],
)
def test_the_message_names_what_was_meant(name: str, hint: str) -> None:
    with pytest.raises(ParameterError) as it:
        check_symbol(name)
    assert (it.value.hint or "") == hint


def test_a_store_keeps_the_coin_in_its_normal_form(tmp_path) -> None:
    table = bars([100.0, 101.0], [0, 1])
    Store(tmp_path).write("demo", {"か\u3099く": {"perp": table}}, bar=HOUR)
    manifest = Store(tmp_path).read("demo")
    assert list(manifest.tables) == ["\u304cく"]
    entry = manifest.tables["\u304cく"]["perp"]
    assert (tmp_path / "demo" / entry.file).is_file()
    pd.testing.assert_frame_equal(Store(tmp_path).table("demo", entry), table)


def test_files_named_after_such_a_coin_are_understood() -> None:
    assert infer_name("perp/币安人生USDT-1h.csv").coin == "币安人生"
    found = infer_names(["perp/BTC.parquet", "perp/币安人生.parquet"])
    assert found["perp/币安人生.parquet"].coin == "币安人生"
    assert found["perp/币安人生.parquet"].pattern == "perp/{coin}.parquet"
