"""A city that lies on purpose: seeded, with known truth and named faults. No clock inside; imports sensors only."""
