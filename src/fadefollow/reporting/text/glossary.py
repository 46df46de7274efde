"""What the report's numbers mean, for a trader: shown as tooltips and as a glossary."""

from __future__ import annotations

#: key → (name, explanation)
TERMS: dict[str, tuple[str, str]] = {
    "lean": (
        "Lean",
        "The side, long or short, of the positions that a phase identifies: held, just "
        "force-closed, or about to be traded.",
    ),
    "fade": ("Fade", "Trade against the lean: buy when the phase names shorts, sell when longs."),
    "follow": ("Follow", "Trade with the lean, on the same side as the phase's actors."),
    "claim": (
        "Claim",
        "What the account says pays: fading or following; disputed where accounts differ. The "
        "claim of each strategy was written down before the run.",
    ),
    "fate": (
        "Fate of the claim",
        "Supported if the claimed stance pays in one book; else refuted if it loses or is small in "
        "one, or the opposite stance pays; else open, with what would settle it. A disputed claim "
        "ends as fade, follow, neither or open.",
    ),
    "word": (
        "Word",
        "What is known of a stance in a book. Pays: its mean is above zero, above its placebo, and "
        "beyond momentum. Loses: its mean is below zero. Small: the mean is below the smallest "
        "edge worth trading. Open: none of these. Untestable: too few blocks or no trades.",
    ),
    "outright": ("Outright", "The book of the trades as they are: they move with the market."),
    "hedged": (
        "Against the market",
        "The book of the same trades, each with an opposite leg in a basket of all coins, as large "
        "as the coin's beta asks for and with costs of its own: what the coin did beyond the "
        "market. Its errors are smaller, so that it decides where the outright book cannot.",
    ),
    "bps": ("Basis point (bps)", "One hundredth of a per cent: 100 bps are 1 %."),
    "phases": ("Phases found", "How often the signal saw this phase, all coins together."),
    "trades": (
        "Trades",
        "Trades with a regular exit. A phase seen while a position is open opens no other; trades "
        "cut off by the end of the data are listed but not counted.",
    ),
    "mean": (
        "Mean net return",
        "Average return of a trade after price, funding, fees, slippage and liquidations, in bps "
        "of what was put in at entry.",
    ),
    "ci": (
        "95 % interval",
        "Range of the mean that the data cannot rule out, from resampling blocks of days with all "
        "coins together, since events cluster in time. Levels other than 95 % are in the "
        "configuration.",
    ),
    "band": (
        "Interval for all questions",
        "The same range, wide enough that it holds for all questions asked in this run together. "
        "The word is read from it.",
    ),
    "blocks": (
        "Blocks",
        "Independent stretches of days that hold trades, of those that must be there before "
        "anything is decided, and how long each is: at least twice the holding time.",
    ),
    "settle": (
        "What would settle it",
        "Which condition fails, how much more history would decide the row if the edge stayed as "
        "it looks, and the smallest edge that would have been found.",
    ),
    "smallest": (
        "Smallest edge",
        "The smallest mean net return that is worth trading: 20 bps unless the workspace, the "
        "strategy or the command says otherwise. What is surely below it is small.",
    ),
    "part_price": (
        "Price",
        "What the coin's price gave, in bps a trade; in brackets its interval.",
    ),
    "part_hedge": ("Hedge", "What the hedge's legs gave, their costs and funding included."),
    "part_market": (
        "Price beyond the market",
        "Price and hedge together, with their interval: what the coin did that the market did not.",
    ),
    "part_funding": (
        "Funding received",
        "What funding gave, in bps a trade, with its interval. Where the price gives nothing, "
        "this may be the whole edge.",
    ),
    "part_fees": ("Fees", "Exchange fees of both ends."),
    "part_slippage": ("Slippage paid", "Fills worse than the open, at both ends."),
    "part_liquidation": (
        "Liquidated trades",
        "The whole loss of liquidated trades, taken out of the other parts.",
    ),
    "anyhour": (
        "Any hour",
        "The same sides, holding time and costs, entered at every bar instead of after the phase. "
        "A trade that merely rides a rising market earns this too.",
    ),
    "placebo": (
        "Placebo",
        "What this trade earns when the phase says nothing, many times over. Outright, all phases "
        "are moved in time by the same amount; against the market, each event is given at its own "
        "hour to another coin of like volatility and like past return.",
    ),
    "reach": (
        "Reach of the placebo",
        "How far the shifted events lie from their own time, in the median. Coins that were listed "
        "late can be shifted little.",
    ),
    "p_placebo": (
        "Placebo p-value of this question alone",
        "Share of the placebo's draws that did as well as the real events. Small means: unlikely "
        "to be the season, the drift or luck.",
    ),
    "p_adjusted": (
        "Corrected p-value",
        "The placebo p-value after allowing for all questions of the run that are asked together: "
        "the claimed stances in each book; for the opposite stances, all of them. The word uses "
        "this one.",
    ),
    "momentum": (
        "Beyond momentum",
        "Mean return minus that of bars of the same coin and period with a similar past return: "
        "what is left once the recent move is accounted for. In brackets its interval.",
    ),
    "difference": (
        "Follow − fade",
        "Interval of the difference between the two stances, in bps a trade.",
    ),
    "detectable": (
        "Detectable effect",
        "The smallest mean return that this sample would have shown, with all tests passed, four "
        "times out of five. An effect below it may exist and go unseen.",
    ),
    "shrunken": (
        "Shrunken mean",
        "The mean pooled over coins by a random-effects model: coins with few trades count for "
        "little, and outliers are drawn in. For reading, it decides nothing.",
    ),
    "spread": (
        "Spread between coins",
        "Standard deviation of the coins' true means, as the same model sees it. Zero: they are "
        "no more unlike than luck makes them.",
    ),
    "a_year": ("Trades a year", "Regular trades by the years of this history, all coins."),
    "in_market": ("Time in the market", "Share of a listed coin's time in a position, on average."),
    "sharpe": (
        "Sharpe ratio",
        "Mean over standard deviation of daily returns on the capital that the account began with, "
        "annualised with 365 days.",
    ),
    "gain_a_year": (
        "Gain a year",
        "What a year added to the capital on average. Of a phase: its mean return times its trades "
        "a year, over the coins' capitals; of a strategy: of its account, marked to market.",
    ),
    "growth_a_year": (
        "CAGR",
        "Compound growth a year of the account's value. It says nothing of an account that had "
        "nothing left.",
    ),
    "sortino": (
        "Sortino ratio",
        "Mean daily return over the deviation of the losing days only, annualised with 365 days.",
    ),
    "calmar": (
        "Calmar ratio",
        "Compound growth a year over the deepest fall from a peak, a share of that peak.",
    ),
    "beta": (
        "Beta",
        "By how much the account moved with holding the same coins: 1 as they do, −1 against them, "
        "0 not at all.",
    ),
    "exposure": ("Exposure", "Share of the days on which the account's value moved."),
    "best_day": ("Best day", "Of daily P&L over the capital that the account began with."),
    "worst_day": ("Worst day", "Of daily P&L over the capital that the account began with."),
    "deflated": (
        "Deflated Sharpe",
        "Probability that the true Sharpe ratio is above zero, given that this is one of all the "
        "trials (in brackets) that this workspace ever made on this data: every phase, stance and "
        "setting counts, in this run and before. The best of many trials looks good by luck; above "
        "0.95 luck is unlikely to explain it.",
    ),
    "drawdown": (
        "Maximum drawdown",
        "Largest fall of the account from an earlier peak, as a share of the capital that it began "
        "with. Positions do not grow with gains, so that gains and losses add up; only where a "
        "strategy compounds they do, and a fall from a high peak may be more than that capital.",
    ),
    "breakeven": (
        "Break-even cost",
        "Cost of a round trip, fees and slippage together, at which the mean return would be zero. "
        "If you pay more than this, it does not pay.",
    ),
    "liquidated": (
        "Liquidated",
        "Positions closed by the exchange because their margin was used up.",
    ),
    "capacity": (
        "Capacity",
        "Order size in the quote currency at which the order's own market impact, by the "
        "square-root law (Almgren et al. 2005, Tóth et al. 2011), eats the whole mean return, of a "
        "stance that pays: one "
        "size for all coins, the median over coins, then coin by coin. At most a day's volume. "
        "As uncertain as the mean itself.",
    ),
    "split": (
        "Split",
        "The trades by coin, year of entry, regime (calm: the last 30 days' volatility is in the "
        "lowest third of the last year's; else bull or bear by the last 30 days' return; all as "
        "known at the end of the day before), weekday, quiet weekend, door number, whose "
        "takers led the move (where their volume is known), and third of strength among the "
        "events known by then.",
    ),
    "q": (
        "q",
        "Of the cells of the run with a q this small, the share that would be there by luck "
        "alone (false discovery rate). The test is against any hour of the same cell.",
    ),
    "spa": (
        "Best of all books",
        "If no stance of the run were better than its placebo, how often would the best of so "
        "many look as good? (Hansen's test of superior predictive ability)",
    ),
    "win_rate": ("Win rate", "Share of trades with a positive net return. Says little alone."),
    "hold": ("Holding time", "Mean time between entry and exit."),
    "funding": (
        "Funding",
        "Paid between longs and shorts of a perpetual at each settlement; positive rates are paid "
        "by longs to shorts. Charged at its own times.",
    ),
    "slippage": (
        "Slippage",
        "The fill is assumed worse than the bar's open by this share, on either side.",
    ),
    "liquidation": (
        "Liquidation",
        "The whole loss of positions that were liquidated, taken out of the other parts.",
    ),
    "premium": (
        "Spot premium",
        "Spot over perpetual minus one: positive when the perpetual is sold harder than spot.",
    ),
}
