"""`backpropviz train`: a run from the first update to the last, without a window."""
