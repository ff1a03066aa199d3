"""Water: from samples to the classes of sections, what longer periods and rivers make of them, and why."""
