"""Where studies are kept: a local journal, or a database."""
