"""A stored run: written, found, read, compared."""
