"""Paired benchmarks: ours and its peer in one run, in turn."""
