"""The step as code that runs: loops, NumPy, PyTorch."""
