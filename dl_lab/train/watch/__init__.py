"""A user's own training loop, recorded, paused and stopped."""
