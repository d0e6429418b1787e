"""Lessons: what a teacher writes, checked on the real state; pure, from text to progress."""
