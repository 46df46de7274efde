"""Black–Scholes gamma, of single options and of whole books of open interest."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from fadefollow.core.cache.compiled import kernel

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

#: a year in nanoseconds, of 365 days as everywhere
_YEAR_NS = 365 * 86_400 * 10**9
#: of price, times the factor of the normal density
_ONE_PERCENT = 0.01 / math.sqrt(2.0 * math.pi)
#: d1 beyond which an option's gamma is left out of a book's: it is 4e-6 of the largest there
_FAR = 5.0
#: a published volatility of nearly nothing is an error, and would put all gamma at one price
_LEAST_VOLATILITY = 0.05


def gamma(
    price: npt.ArrayLike, strike: npt.ArrayLike, years: npt.ArrayLike, volatility: npt.ArrayLike
) -> FloatArray:
    """Black–Scholes gamma, the same for calls and puts, at an interest rate of zero.

    Γ = φ(d1) / (S σ √T) with d1 = (ln(S/K) + σ²T/2) / (σ √T).

    Args:
        price: of the underlying, S > 0; all arguments are broadcast.
        strike: K > 0.
        years: T, to expiry; at or after expiry gamma is 0.
        volatility: σ > 0, fraction a year.

    Returns:
        Change of delta per unit of price, broadcast shape.

    Source: F. Black and M. Scholes, "The Pricing of Options and Corporate Liabilities" (1973);
        J. C. Hull, "Options, Futures, and Other Derivatives", chapter on the Greek letters.
    """
    arrays = np.broadcast_arrays(price, strike, years, volatility)
    flat = (np.ascontiguousarray(a, np.float64).ravel() for a in arrays)
    return _gammas(*flat).reshape(arrays[0].shape)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class OptionBooks:
    """Snapshots of one holder's option positions, one after another.

    Attributes:
        book: number of the snapshot that each record belongs to, shape (k,), in record order.
        first: first row of each snapshot and, last, the number of rows, shape (books + 1,); rows
            index the arrays below, which are ordered by snapshot.
        log_strike: shape (k,).
        expiry_ns: UTC, nanoseconds since 1970, shape (k,).
        held: coins, + long, − short, shape (k,).
        volatility: implied, fraction a year; NaN where unknown, shape (k,).
    """

    book: IntArray
    first: IntArray
    log_strike: FloatArray
    expiry_ns: IntArray
    held: FloatArray
    volatility: FloatArray

    def __len__(self) -> int:
        return len(self.first) - 1

    @classmethod
    def of(cls, table: pd.DataFrame, *, call_sign: float, put_sign: float) -> OptionBooks:
        """The snapshots in a canonical `options` table; a book is what became known together.

        Args:
            table: open interest by strike and expiry.
            call_sign: +1 where the holder is long the open calls, −1 where short.
            put_sign: the same for puts.
        """
        known, time, expiry = (_nanoseconds(table[c]) for c in ("available", "time", "expiry"))
        order = np.lexsort((time, known))
        starts = np.ones(len(table), bool)
        starts[1:] = (np.diff(known[order]) != 0) | (np.diff(time[order]) != 0)
        book = np.empty(len(table), np.int64)
        book[order] = np.cumsum(starts) - 1
        sign = np.where(table["right"] == "call", call_sign, put_sign)
        implied: FloatArray = np.full(len(table), np.nan)
        if "iv" in table:
            implied = table["iv"].to_numpy(np.float64)
        return cls(
            book=book,
            first=np.append(np.flatnonzero(starts), len(table)).astype(np.int64),
            log_strike=np.log(table["strike"].to_numpy(np.float64))[order],
            expiry_ns=expiry[order],
            held=(sign * table["open_interest"].to_numpy(np.float64))[order],
            volatility=implied[order],
        )

    def gamma(
        self, book: IntArray, price: FloatArray, time_ns: IntArray, volatility: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Net and gross gamma of a book, at given prices and times.

        Args:
            book: which snapshot, −1 for none, shape (n,).
            price: of the underlying, shape (n,).
            time_ns: when, UTC, nanoseconds since 1970; expired options have no gamma, shape (n,).
            volatility: fraction a year, stands in where a record has none, shape (n,).

        Returns:
            Coins by which the holder's delta changes if price rises by 1 %, shape (n,), and the
            same with every position counted as long; NaN where book, price or volatility is
            unknown.
        """
        return _gamma_at(book, price, time_ns, volatility, self._rows())  # type: ignore[no-any-return]

    def flip(
        self,
        price: FloatArray,
        time_ns: IntArray,
        volatility: FloatArray,
        *,
        reach: float,
        step: float = 0.02,
    ) -> FloatArray:
        """The level nearest to the price at which each book's net gamma changes sign.

        The profile of net gamma is followed on a grid of prices, up and down at once, until it
        changes sign; within a step it is taken as straight.

        Args:
            price: of the underlying, one a book, shape (books,); likewise the next two.
            time_ns: when, UTC, nanoseconds since 1970.
            volatility: fraction a year, stands in where a record has none.
            reach: how far to look, in logarithms of the price.
            step: of the grid, in logarithms of the price.

        Returns:
            Shape (books,). Where the sign stays, the end of the grid that agrees with long above
            and short below: its upper end where net gamma is negative, its lower end where it is
            positive. NaN where price or volatility is unknown, or no option is left.
        """
        steps = max(int(np.ceil(reach / step)), 1)
        return _flip(  # type: ignore[no-any-return]
            price, time_ns, volatility, reach / steps, steps, self._rows()
        )

    def _rows(self) -> _Options:
        return _Options(self.first, self.log_strike, self.expiry_ns, self.held, self.volatility)


class _Options(NamedTuple):
    """The arrays of `OptionBooks`, as kernels take them."""

    first: IntArray
    log_strike: FloatArray
    expiry_ns: IntArray
    held: FloatArray
    implied: FloatArray


def _nanoseconds(times: pd.Series) -> IntArray:
    naive: npt.NDArray[np.datetime64] = times.dt.tz_convert(None).to_numpy("datetime64[ns]")
    return naive.astype(np.int64)


@kernel
def _gammas(
    price: FloatArray, strike: FloatArray, years: FloatArray, volatility: FloatArray
) -> FloatArray:
    out = np.zeros(len(price))
    for i in range(len(price)):
        if not years[i] <= 0.0:
            spread = volatility[i] * math.sqrt(years[i])
            d1 = math.log(price[i] / strike[i]) / spread + 0.5 * spread
            out[i] = math.exp(-0.5 * d1 * d1) / (math.sqrt(2.0 * math.pi) * spread * price[i])
    return out


@kernel
def _sigma(implied: float, stand_in: float) -> float:
    sigma = stand_in if math.isnan(implied) else implied
    return sigma if math.isnan(sigma) else max(sigma, _LEAST_VOLATILITY)


@kernel
def _gamma_at(
    book: IntArray,
    price: FloatArray,
    time_ns: IntArray,
    stand_in: FloatArray,
    options: _Options,
) -> tuple[FloatArray, FloatArray]:
    first, log_strike, expiry_ns, held, implied = options
    net, gross = np.full(len(book), np.nan), np.full(len(book), np.nan)
    for i in range(len(book)):
        if book[i] < 0 or not price[i] > 0.0:
            continue
        log_price, held_net, held_gross = math.log(price[i]), 0.0, 0.0
        expiry, root, strike, sigma, unit = 0, 0.0, np.nan, np.nan, 0.0
        for j in range(first[book[i]], first[book[i] + 1]):
            # neighbours share their expiry, and a call and a put their strike
            same = expiry_ns[j] == expiry
            if not same:
                expiry = expiry_ns[j]
                root = math.sqrt(max((expiry - time_ns[i]) / _YEAR_NS, 0.0))
            if root == 0.0:
                continue
            new = _sigma(implied[j], stand_in[i])
            if not (same and log_strike[j] == strike and new == sigma):
                strike, sigma = log_strike[j], new
                inverse = 1.0 / (sigma * root)
                d1 = (log_price - strike) * inverse + 0.5 * sigma * root
                unit = 0.0 if abs(d1) > _FAR else math.exp(-0.5 * d1 * d1) * inverse
            held_net += unit * held[j]
            held_gross += unit * abs(held[j])
        net[i], gross[i] = _ONE_PERCENT * held_net, _ONE_PERCENT * held_gross
    return net, gross


@kernel
def _flip(
    price: FloatArray,
    time_ns: IntArray,
    stand_in: FloatArray,
    step: float,
    steps: int,
    options: _Options,
) -> FloatArray:
    out = np.full(len(price), np.nan)
    for i in range(len(price)):
        rows = slice(options.first[i], options.first[i + 1])
        alive = _unexpired(
            options.log_strike[rows],
            options.expiry_ns[rows] - time_ns[i],
            options.held[rows],
            options.implied[rows],
            stand_in[i],
        )
        centre = math.log(price[i]) if price[i] > 0.0 else np.nan
        here = _profile(centre, alive)
        if math.isnan(here) or here == 0.0:
            continue
        up = down = here
        level = centre - math.copysign(step * steps, here)
        for k in range(1, steps + 1):
            # the nearer of the two sides is found first; up wins a tie
            new = _profile(centre + k * step, alive)
            if new * up < 0.0:
                level = centre + (k - new / (new - up)) * step
                break
            up = new if new != 0.0 else up
            new = _profile(centre - k * step, alive)
            if new * down < 0.0:
                level = centre - (k - new / (new - down)) * step
                break
            down = new if new != 0.0 else down
        out[i] = math.exp(level)
    return out


@kernel
def _unexpired(
    log_strike: FloatArray,
    left_ns: IntArray,
    held: FloatArray,
    implied: FloatArray,
    stand_in: float,
) -> FloatArray:
    """Living options as rows of log strike, 1 / (σ√T) and weight; equal neighbours are merged."""
    options, count = np.empty((len(held), 3)), 0
    for j in range(len(held)):
        if left_ns[j] <= 0:
            continue
        inverse = 1.0 / (_sigma(implied[j], stand_in) * math.sqrt(left_ns[j] / _YEAR_NS))
        if count and options[count - 1, 0] == log_strike[j] and options[count - 1, 1] == inverse:
            options[count - 1, 2] += held[j] * inverse
            continue
        options[count, 0], options[count, 1] = log_strike[j], inverse
        options[count, 2] = held[j] * inverse
        count += 1
    return options[:count]


@kernel
def _profile(log_price: float, options: FloatArray) -> float:
    """Net gamma times price, up to a constant factor."""
    total = 0.0
    for j in range(len(options)):
        d1 = (log_price - options[j, 0]) * options[j, 1] + 0.5 / options[j, 1]
        if not abs(d1) > _FAR:
            total += options[j, 2] * math.exp(-0.5 * d1 * d1)
    return total
