"""Screening: which pupils to begin with, given how many a school can meet."""
