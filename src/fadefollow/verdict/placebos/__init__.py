"""Placebos: the same trades where the phase was not, at other times or on other coins.

A placebo says which events each coin is given in each draw (`Placebo.moved`); they are resolved as
the real ones are (`resolve_draws`). A new placebo is a class with these two methods and a kind.
"""

from fadefollow.verdict.placebos.base import Draws, Lengths, Placebo, resolve_draws
from fadefollow.verdict.placebos.coins import CoinPlacebo
from fadefollow.verdict.placebos.times import TimePlacebo

__all__ = ["CoinPlacebo", "Draws", "Lengths", "Placebo", "TimePlacebo", "resolve_draws"]
