"""What training recorded."""
