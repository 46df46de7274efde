"""Words and numbers as the report shows them."""
