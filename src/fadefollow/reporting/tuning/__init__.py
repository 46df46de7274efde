"""A tuning job's section of the report."""
