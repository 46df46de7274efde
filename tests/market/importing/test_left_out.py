"""An import leaves out bad coins, names all that is wrong with them at once, and keeps the rest."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fadefollow.errors import DataError, ParameterError
from fadefollow.market.datasets.open import open_dataset
from fadefollow.market.datasets.spec import DatasetSpec, load_spec
from fadefollow.market.importing.files import import_files, read_files

N = 24 * 40
COINS = [f"C{n:02}" for n in range(20)]
FILES = """
[[files]]
stream = "perp"
path = "{coin}_perp.csv"
"""


def bars() -> pd.DataFrame:
    """Forty days of hourly bars near 100 with a volume."""
    step = np.arange(N)
    close = 100 * np.exp(0.01 * np.sin(step * 1.3))
    open_ = np.append(close[0], close[:-1])
    return pd.DataFrame(
        {
            "time": pd.date_range("2024-01-01", periods=N, freq="h", tz="UTC"),
            "open": open_,
            "high": np.maximum(open_, close) * 1.001,
            "low": np.minimum(open_, close) * 0.999,
            "close": close,
            "volume": 5 + 4 * np.sin(step * 0.7),
        }
    )


@pytest.fixture(scope="module")
def twenty(tmp_path_factory) -> Path:
    """Twenty coins of which C03, C07 and C11 are bad, each in a way of its own."""
    folder: Path = tmp_path_factory.mktemp("twenty")
    for coin in COINS:
        table = bars()
        if coin == "C03":
            table.loc[480:, ["open", "high", "low", "close"]] *= 1000  # 2024-01-21 00:00
        elif coin == "C07":
            table = pd.concat([table[:11], table[10:]])  # row 11 again as row 12
        elif coin == "C11":
            table["close"] = table["close"].where(table.index != 4, -1.0)
        table.to_csv(folder / f"{coin}_perp.csv", index=False)
    return folder


def spec(folder: Path, files: str = FILES) -> DatasetSpec:
    path = folder / "twenty.toml"
    path.write_text(f'title = "Twenty"\nsource = "files"\nbar = "1h"\n{files}')
    return load_spec(path)


def test_all_bad_coins_are_named_at_once_and_the_others_imported(twenty, tmp_path):
    report = import_files(spec(tmp_path), "twenty", twenty, tmp_path / "store")
    (unit,), (twice,), (negative,) = report.left_out.values()
    assert list(report.left_out) == ["C03", "C07", "C11"]
    assert unit.startswith("C03_perp.csv, 2024-01-21 00:00: unit-change: the price is 999.9 ")
    assert re.match(r"C07_perp.csv, row 12, column time: ", twice)
    assert re.match(r"C11_perp.csv, row 5, column close: .*-1", negative)
    good = [coin for coin in COINS if coin not in report.left_out]
    assert list(report.tables) == good
    assert report.rows == 17 * N
    assert open_dataset(spec(tmp_path), "twenty", tmp_path / "store").symbols == tuple(good)
    assert report.to_dict()["left_out"]["C11"] == [negative]


def test_a_strict_import_refuses_all_for_one_with_every_reason(twenty, tmp_path):
    with pytest.raises(DataError, match="3 errors in 3 coins") as caught:
        import_files(spec(tmp_path), "twenty", twenty, tmp_path / "store", strict=True)
    lines = str(caught.value).splitlines()
    files = ("C07_perp.csv, row 12", "C11_perp.csv, row 5", "C03_perp.csv, 2024-01-21")
    assert [line[4 : 4 + len(f)] for line, f in zip(lines[1:4], files, strict=True)] == [*files]
    assert not (tmp_path / "store").exists()
    with pytest.raises(DataError, match="2 errors in 2 coins"):  # a file that is not mapped
        read_files(spec(tmp_path), twenty)


def test_an_accepted_finding_lets_its_coin_in(twenty, tmp_path):
    store = tmp_path / "store"
    report = import_files(spec(tmp_path), "twenty", twenty, store, accept=("C03:unit-change",))
    assert list(report.left_out) == ["C07", "C11"]
    assert [(f.symbol, f.code, f.grade) for f in report.findings] == [
        ("C03", "unit-change", "error")
    ]
    with pytest.raises(ParameterError, match="did you mean 'unit-change'"):
        import_files(spec(tmp_path), "twenty", twenty, store, accept=("unit-chang",))


def test_an_import_of_which_no_coin_is_left_stores_nothing(twenty, tmp_path):
    bad = FILES + 'coins = ["C07", "C11"]\n'
    with pytest.raises(DataError, match="2 errors in 2 coins"):
        import_files(spec(tmp_path, bad), "twenty", twenty, tmp_path / "store")
    assert not (tmp_path / "store").exists()


def test_of_a_file_of_many_coins_only_the_bad_one_is_left_out(tmp_path):
    parts = [bars()[:30].assign(coin=coin) for coin in ("AAA", "BBB", "CCC")]
    parts[1]["high"] = parts[1]["high"].where(parts[1].index != 7, 1.0)
    pd.concat(parts).to_csv(tmp_path / "all.csv", index=False)
    files = '[[files]]\nstream = "perp"\npath = "all.csv"\ncoin_column = "coin"\n'
    report = import_files(spec(tmp_path, files), "all", tmp_path, tmp_path / "store")
    assert list(report.tables) == ["AAA", "CCC"]
    (why,) = report.left_out["BBB"]
    assert why.startswith("all.csv, row 38, ")  # the eighth of the second thirty


def test_a_coin_of_which_one_stream_is_bad_is_left_out_with_all_of_them(tmp_path, raw_funding):
    for coin in ("AAA", "BBB"):
        bars()[:48].to_csv(tmp_path / f"{coin}_perp.csv", index=False)
        raw_funding(6).to_csv(tmp_path / f"{coin}_funding.csv", index=False)
    text = (tmp_path / "BBB_funding.csv").read_text().splitlines()
    (tmp_path / "BBB_funding.csv").write_text("\n".join([*text[:3], text[2], *text[3:]]))
    files = FILES + FILES.replace("perp", "funding")
    report = import_files(spec(tmp_path, files), "two", tmp_path, tmp_path / "store")
    assert {coin: sorted(streams) for coin, streams in report.tables.items()} == {
        "AAA": ["funding", "perp"]
    }
    assert report.left_out["BBB"][0].startswith("BBB_funding.csv, row 3")
