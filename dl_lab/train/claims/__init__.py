"""Which models are being trained right now, and by whom: one model, one run at a time."""
