"""Formats: bytes to samples in the sender's own words, one pure module per format; `sample.py` is the contract between them.

Each module but `native` has `make` (options to a decoder) and may have `placements` (the fields its document defines) and
`IGNORED` (fields that carry no quantity of ours, as patterns).
"""
