"""A run's state: copied, written, and brought back."""
