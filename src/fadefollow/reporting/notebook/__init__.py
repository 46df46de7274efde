"""What results look like in a notebook; importing this registers the cards."""

from fadefollow.reporting.notebook import market_cards, phase_cards
from fadefollow.reporting.notebook import run_cards as cards

__all__ = ["cards", "market_cards", "phase_cards"]
