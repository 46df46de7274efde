"""What was known then: universe, holdout, vintages and revisions."""
