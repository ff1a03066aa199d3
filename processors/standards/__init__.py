"""Dated rules as data: one TOML file per document, read and checked by `tables`."""
