"""The log of runs in MLflow: the only package that knows it."""
