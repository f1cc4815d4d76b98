"""Networks as data, and as PyTorch modules."""
