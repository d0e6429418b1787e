"""Arrays in, arrays out: the fast arithmetic of the layers."""
