"""Optimisation jobs: nested walk-forward on disk, the same result however it is run."""
