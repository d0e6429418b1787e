"""Network map, call stack and thumbnails."""
