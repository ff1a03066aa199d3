"""Gateways: devices that dial in over TCP, and what they send published to the broker. So far HJ 212 (docs/HJ212.md)."""
