"""A step-through debugger for one training step of a convolutional network."""
