"""The graph of any network: traced from one real forward pass, folded, replayed, compared."""
