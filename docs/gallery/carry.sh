fadefollow run fade_rich_carry_spread --dataset lab --placebo-draws 200 --bootstrap-draws 500
