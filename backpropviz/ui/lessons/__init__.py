"""Lessons in the window: a coach that follows the debugger, and the panel it speaks through."""
