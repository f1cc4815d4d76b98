"""What benchmarks measure with, where it is long."""
