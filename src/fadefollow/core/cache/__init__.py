"""What was computed or read and is kept: bounded caches, and shelves that a file extends."""
