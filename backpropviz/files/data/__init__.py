"""Data sets to train on: bundled ones, folders of pictures by class, IDX pairs, NumPy archives."""
