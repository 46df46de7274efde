"""Messages about phases that begin and claims that are answered, round after round.

`channels` are the ways out, `quiet` the hours in which nothing is sent, `outbox` what is due and
what was sent, `delivery` sends it, `rounds` is the loop, `sources` what a round looks at.
"""
