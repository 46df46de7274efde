fadefollow run fade_crowded_funding --dataset lab --placebo-draws 200 --bootstrap-draws 500 > /dev/null
fadefollow run fade_crowded_funding --dataset lab --placebo-draws 200 --bootstrap-draws 500 --since 2022-01-01 > /dev/null
fadefollow report $(ls -d reports/runs/2* | tail -2)
