fadefollow run fade_crowded_funding --dataset lab_universe --universe 20 --placebo-draws 200 --bootstrap-draws 500
