"""The hedged book: the market basket, betas, and the opposite leg of each trade."""
