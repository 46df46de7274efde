"""Answers that may be looked at after every bar: sums by block, evidence, limits, alarm, words."""
