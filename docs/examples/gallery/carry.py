import fadefollow as ff

few = {"placebo_draws": 200, "bootstrap_draws": 500}
result = ff.run("fade_rich_carry_spread", dataset="lab", **few)
print(result["rich_carry"])
names = ["trade_id", "leg", "side", "entry_price", "exit_price", "exit_reason", "fees", "pnl"]
print(result.trades[names].head(4).round(2).to_string(index=False))
