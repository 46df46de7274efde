"""The audit of market data, and the gate that a run's data must pass."""
