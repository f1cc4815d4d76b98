"""What flows through a network while it learns: statistics of each operation's numbers."""
