import fadefollow as ff

few = {"placebo_draws": 200, "bootstrap_draws": 500}
result = ff.run("fade_crowded_funding", dataset="lab_universe", **few)
table = result.table.query("stance == 'follow'").set_index(["phase", "book"])
print(table[["word", "mean_net_bps", "ci_low_bps", "ci_high_bps", "hedge_bps"]].round(0))
