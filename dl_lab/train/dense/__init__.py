"""The fast path for small dense networks."""
