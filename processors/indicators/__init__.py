"""Indicators: frames of readings in, frames of judgements out; no I/O, no clock, no limit that is not in a table."""
