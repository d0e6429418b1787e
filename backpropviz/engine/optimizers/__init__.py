"""One optimizer a file: its settings, its update, its nests and its words."""
