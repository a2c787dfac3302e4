"""Discrimination, calibration and utility of risks, each with its uncertainty."""
