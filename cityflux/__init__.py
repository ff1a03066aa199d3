"""The front door: command line, settings, composition of the programs. Imports everything; nothing imports it."""
