"""What is measured: quantities, units, stations, topics, formats, contracts, readings. Pure: no I/O, no asyncio, no pandas."""
