fadefollow new signal breakout
fadefollow new strategy fade_breakout --signal breakout
fadefollow check fade_breakout --dataset lab --bars 20
fadefollow run fade_breakout --dataset lab --placebo-draws 200 --bootstrap-draws 500
