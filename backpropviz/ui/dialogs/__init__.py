"""Dialogs: each asks one thing and returns data; none changes the session itself."""
