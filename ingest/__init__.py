"""Bytes in, acknowledgement out: from the broker's socket to the store, with a durable journal between."""
