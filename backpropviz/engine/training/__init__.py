"""Training: data in batches, runs, what is measured on the way, and the way back to any update."""
