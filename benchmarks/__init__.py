"""Benchmarks: every figure a ratio from alternating runs on one machine, with a count of what arrived. `make bench`."""
