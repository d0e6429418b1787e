"""Training, seen: filters and their gradients, curves, counts of answers, the way through time."""
