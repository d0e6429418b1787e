"""Moments of the debugger as slides for the back row: composed, never a shrunk screen."""
