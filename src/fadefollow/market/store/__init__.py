"""The store: one Parquet file a coin and stream, its manifest, its versions."""
