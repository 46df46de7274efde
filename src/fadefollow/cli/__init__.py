"""What one types, and what the terminal shows."""

from fadefollow.cli.app import main

__all__ = ["main"]
