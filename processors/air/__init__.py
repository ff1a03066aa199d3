"""Air: from hours to the days of stations, districts and the city, what longer periods make of them, and why."""
