"""Numbers that files keep as text or as decimals, read exactly."""

from __future__ import annotations

import re
from decimal import Decimal

import numpy as np
import pandas as pd

from fadefollow.market.stamps import row_error, row_numbers

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_COMMA = re.compile(r"[+-]?\d[\d.]*,\d+")
#: larger than any bound of a stream, and still a float
_LARGEST = 10**300
_MISSING = ("", "nan", "null", "none", "n/a", "na")


def plain_numbers(column: pd.Series, decimal: str = ".") -> pd.Series:
    """The column as numbers, if it is some or holds nothing but numbers as text or decimals.

    Integers that fit into 64 bits stay integers; a column with any other value stays as it is.

    Args:
        column: of any kind.
        decimal: the decimal mark of text, `.` or `,`.
    """
    if pd.api.types.is_bool_dtype(column.dtype) or not _is_text(column):
        return column
    values = [_number(value, decimal) for value in column]
    if any(value is None for value in values):
        return column
    if all(isinstance(value, int) for value in values):
        try:
            return pd.Series(np.array(values, np.int64), column.index, name=column.name)
        except OverflowError:
            pass
    return pd.Series(np.array(values, np.float64), column.index, name=column.name)


def as_text(column: pd.Series) -> pd.Series:
    """The column's values as text; what is missing stays missing."""
    texts = column.astype("str").str.strip()
    return texts.where(texts != "")


def check_decimal(column: pd.Series, name: str, where: str) -> None:
    """Refuse text that looks like numbers with a decimal comma, and say which key reads it.

    Raises:
        DataError: at the first such value.
    """
    if not _is_text(column):
        return
    odd = np.array([isinstance(v, str) and bool(_COMMA.fullmatch(v.strip())) for v in column])
    if odd.any():
        at = int(odd.argmax())
        raise row_error(
            f"{name} must be a number",
            repr(column.iloc[at]),
            where,
            row_numbers(column.to_frame())[at],
            name,
            int(odd.sum()),
            'a decimal comma is read with decimal = ","; thousands are written without a sign',
        )


def _is_text(column: pd.Series) -> bool:
    return column.dtype == object or isinstance(column.dtype, pd.StringDtype)


def _number(value: object, decimal: str) -> float | int | None:
    """One value as a number, NaN where it is missing, None where it is none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int) and abs(value) < _LARGEST:
        return value
    if isinstance(value, int | float | Decimal):
        return float(min(value, _LARGEST))
    if value is None or value is pd.NA:
        return float("nan")
    text = str(value).strip()
    if text.lower() in _MISSING:
        return float("nan")
    if decimal != "." and "." in text:
        return None
    text = text.replace(decimal, ".")
    if not _NUMBER.fullmatch(text) or len(text) > 100:
        return None
    return int(text) if text.lstrip("+-").isdigit() else float(text)
