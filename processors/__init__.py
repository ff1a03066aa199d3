"""Readings to judgements: dated standards, windows and coverage, indicators. Pure functions over pandas frames."""
