"""What is traded: a strategy's events on the bars of each coin, sizes, and their books."""
