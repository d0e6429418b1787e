"""Our own files, written whole or not at all."""
