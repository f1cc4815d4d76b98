"""Looking into a network without changing it."""
