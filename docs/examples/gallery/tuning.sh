fadefollow tune fade_crowded_funding --dataset lab --trials 24 --folds 2
