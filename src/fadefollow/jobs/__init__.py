"""One module a command: what is done, in order."""
