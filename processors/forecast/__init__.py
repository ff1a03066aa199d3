"""How the year may end, and the next days: each with what it was worth in a back-test."""
