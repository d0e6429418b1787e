"""A derivation as equations: in symbols, with indices, with numbers."""
