"""What people give a network to look at: how it is read, its rows, its pictures."""
