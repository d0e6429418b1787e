"""Scenes → files: PNG, SVG, PDF, the clipboard, and ranges of frames.

What is written is the scene that the window shows; each file appears whole or not at all.
"""
