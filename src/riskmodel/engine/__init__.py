"""The only package that knows DuckDB and its connections."""
