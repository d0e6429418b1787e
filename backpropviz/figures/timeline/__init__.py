"""The whole pass as a line, and the lens on the current tensor."""
