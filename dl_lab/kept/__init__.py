"""What training and looking change in a person's objects: found, copied and put back."""
