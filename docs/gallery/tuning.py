import fadefollow as ff

tuned = ff.tune("fade_crowded_funding", dataset="lab", trials=24, folds=2, seed=1)
print(tuned)
