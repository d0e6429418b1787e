"""From a state to a picture: pure functions, one figure a file."""
