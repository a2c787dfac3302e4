"""Candidate models: baselines, logistic, additive, the boosting yardstick, and calibration."""
