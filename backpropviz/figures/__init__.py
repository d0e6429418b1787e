"""(view, options) → Scene: pure functions, one package a figure.

A `View` is one moment of a pass; every figure reads it and nothing else, so the window, an export
and a test draw the same picture.
"""
