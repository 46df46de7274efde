import pandas as pd

import fadefollow as ff

prices = pd.read_csv("csv/perp_IBEX.csv", parse_dates=["time"]).assign(symbol="IBEX")
funding = pd.read_csv("csv/funding_IBEX.csv", parse_dates=["time"]).assign(symbol="IBEX")

rates = funding.set_index("time")["rate"]
low = rates < rates.rolling(270, min_periods=90).quantile(0.05)  # of the past alone
starts = rates.index[low & ~low.shift(fill_value=False)]
events = pd.DataFrame({"time": starts, "symbol": "IBEX", "lean": "short"})

few = {"placebo_draws": 200, "bootstrap_draws": 500}
result = ff.study(events, prices, funding=funding, hold="72h", claim="fade", **few)
print(result)
