import fadefollow as ff

hours = {"hold_hours": [24, 72, 168]}
few = {"placebo_draws": 200, "bootstrap_draws": 500}
sweep = ff.sweep("fade_crowded_funding", hours, dataset="lab", **few)
shorts = sweep.table.query("phase == 'crowded_short' and stance == 'fade'").round(1)
names = ["hold_hours", "word", "n_trades", "mean_net_bps", "detectable_bps"]
print(shorts[names].to_string(index=False))
