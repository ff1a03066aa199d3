"""Formats: bytes to native records, one pure module per format."""
