"""The jobs behind `fadefollow watch` and `fadefollow export signals`.

`trades` are those of a claim by the engine; `add` registers a claim, `update` brings it up to date,
`read` shows and closes it; `orders` are its entries and exits as they become known, `export` writes
them, `fills` compares them with what was paid.
"""
