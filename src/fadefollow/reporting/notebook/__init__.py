"""What results look like in a notebook; importing this registers the cards."""

from fadefollow.reporting.notebook import cards, market_cards, phase_cards

__all__ = ["cards", "market_cards", "phase_cards"]
