"""Every term of a value as a row, with its bar and the running sum."""
