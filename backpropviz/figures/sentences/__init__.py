"""What a step does, in sentences with its numbers."""
