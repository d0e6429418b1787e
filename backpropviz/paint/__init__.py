"""From a picture to a QPainter: the only painting code."""
