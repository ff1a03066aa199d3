"""Where it lives: readings behind one port with two adapters, and the books."""
