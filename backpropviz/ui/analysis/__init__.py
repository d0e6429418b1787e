"""Windows that ask the open pass a question: nudges, ancestry, gradient checks, conventions."""
