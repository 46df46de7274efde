"""From a strategy's events to trades: bar arrays, kernels, costs, portfolios."""
