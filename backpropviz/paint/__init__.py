"""Scene → QPainter: the only painting code, for the window and for every raster and PDF export.

`draw.draw` paints a scene with any QPainter, `draw.render` makes an image of it; both need a
QGuiApplication. Only QtCore and QtGui are used here.
"""
