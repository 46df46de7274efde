"""The commands, one module a group; heavy imports stay inside them, so that `--help` is quick."""
