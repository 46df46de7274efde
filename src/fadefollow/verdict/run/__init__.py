"""The measurement of a run: detected, traded, judged, and the tables that it leaves."""
