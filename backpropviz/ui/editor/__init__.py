"""The network editor: a window in which layers are put together."""
