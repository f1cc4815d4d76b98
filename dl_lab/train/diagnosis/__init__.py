"""Errors told so that a person can fix them."""
