"""Estimates and controls: day sums, bootstrap, any hour, momentum, the smallest edge detectable."""
