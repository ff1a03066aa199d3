"""Hints at incidents: from counts and single vehicles of the last days, by rules as data."""
