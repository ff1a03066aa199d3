"""Traffic: what the tunnels in service can pass."""
