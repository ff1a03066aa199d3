"""Energy: from meters' readings to what they used by day, month, quarter and year, of meters, districts and the city."""
