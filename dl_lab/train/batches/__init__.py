"""From a person's data to the batches that steps take."""
