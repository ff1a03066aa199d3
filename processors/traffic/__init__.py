"""Traffic: flows of stations and tunnels, the air in them, hints at incidents; what the tunnels in service can pass."""
