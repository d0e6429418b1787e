"""The window: Qt widgets around one controller."""
