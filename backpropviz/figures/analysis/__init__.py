"""Figures of the questions put to a pass: nudges, ancestry, checks, conventions, weights."""
