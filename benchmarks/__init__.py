"""Benchmarks: how fast features are made, beside what else could make them."""
