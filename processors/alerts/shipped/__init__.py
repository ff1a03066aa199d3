"""The rules that cityflux ships, a file for each topic."""
