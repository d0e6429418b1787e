"""Training in the window: a thread that trains, a controller that knows, a page that shows."""
