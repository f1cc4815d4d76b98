"""Looks that give way: one at a time at each network, in passes, with random numbers apart."""
