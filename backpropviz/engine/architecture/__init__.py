"""A network while it is being designed: pure edits, what follows from them, and its model."""
