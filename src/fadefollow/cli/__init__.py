"""What one types, and what the terminal shows."""

from fadefollow.cli.cli import main

__all__ = ["main"]
