"""The version of this program; `pyproject.toml` reads it too."""

__version__ = "0.1.0"
