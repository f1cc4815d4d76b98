"""How a single unit comes to its value, as a formula with its numbers."""
