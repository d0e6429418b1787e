"""The mathematics: networks, their forward and backward pass, and each value's derivation."""
