"""Foreign files in, the engine's own types and a report of what was mapped out."""
