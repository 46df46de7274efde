head -3 csv/perp_IBEX.csv
fadefollow data import --guess csv --name mine
fadefollow data import mine --from csv
fadefollow run fade_crowded_funding --dataset mine --placebo-draws 200 --bootstrap-draws 500
