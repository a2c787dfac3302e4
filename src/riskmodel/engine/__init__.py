"""The only package that knows DuckDB, Spark and their connections."""
