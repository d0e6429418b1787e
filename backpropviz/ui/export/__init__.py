"""The dialog in which a person chooses what becomes slides, and sees them before."""
