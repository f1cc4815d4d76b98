"""Training in a thread of the kernel."""
