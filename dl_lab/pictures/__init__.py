"""Static pictures that stay in saved notebooks, where no kernel draws."""
