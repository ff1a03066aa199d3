"""What people enter and what follows from it: the plan's entered rows, energy and carbon intensity."""
