"""What results look like in a notebook; importing this registers the cards and figures."""

from fadefollow.reporting.notebook import market_cards, phase_cards, plots
from fadefollow.reporting.notebook import run_cards as cards

__all__ = ["cards", "market_cards", "phase_cards", "plots"]
