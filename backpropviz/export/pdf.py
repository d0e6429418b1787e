"""Slides as pages of a PDF: vectors, text as text, values as lossless images, titles as bookmarks.

Qt writes no bookmarks. They are added as the format provides for: objects, a table and a trailer
after the end of the file, none of which touches what is there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import IO, Final

from PySide6.QtCore import QFile, QFileDevice, QIODevice, QMarginsF, QSizeF
from PySide6.QtGui import QPageSize, QPainter, QPdfWriter

from backpropviz.errors import UserError
from backpropviz.paint.draw import draw
from backpropviz.scene.slide import Slide

_RESOLUTION: Final = 1200
_POINTS_PER_INCH: Final = 72
_TAIL: Final = 64


def write_pages(slides: Iterable[Slide], path: Path) -> None:
    """Write the PDF straight to a path; raises OSError where the disk refuses."""
    file = QFile(str(path))
    if not file.open(QIODevice.OpenModeFlag.WriteOnly):
        raise OSError(file.errorString())
    titles: list[str] = []
    try:
        _paint_pages(slides, file, titles)
        # Asked before closing, which forgets earlier errors.
        if not file.flush() or file.error() != QFileDevice.FileError.NoError:
            raise OSError(file.errorString())
    finally:
        file.close()
    with path.open("r+b") as finished:
        _check_whole(finished)
        add_bookmarks(finished, titles)


def _check_whole(file: IO[bytes]) -> None:
    """Qt forgets a write of which the disk took a part."""
    file.seek(max(0, file.seek(0, 2) - _TAIL))
    if re.search(rb"startxref\s+\d+\s+%%EOF\s*$", file.read()) is None:
        raise OSError("the disk took only a part of it")


def _paint_pages(slides: Iterable[Slide], file: QFile, titles: list[str]) -> None:
    writer, painter = QPdfWriter(file), QPainter()
    writer.setCreator("BackpropViz")
    writer.setResolution(_RESOLUTION)
    writer.setPageMargins(QMarginsF())
    try:
        for slide in slides:
            points = QSizeF(slide.width, slide.height) * slide.points_per_pixel
            # Exactly this size: Qt would else round a near one to a paper format.
            exact = QPageSize.SizeMatchPolicy.ExactMatch
            writer.setPageSize(QPageSize(points, QPageSize.Unit.Point, "", exact))
            if not painter.isActive():
                writer.setTitle(slide.title)
                painter.begin(writer)
            else:
                writer.newPage()
            titles.append(slide.title)
            painter.setRenderHint(QPainter.RenderHint.LosslessImageRendering)
            painter.save()
            try:
                scale = slide.points_per_pixel * _RESOLUTION / _POINTS_PER_INCH
                painter.scale(scale, scale)
                draw(slide.scene, painter)
            finally:
                # An interrupt may come between any two marks.
                painter.restore()
        if not painter.isActive():
            raise UserError("There is no frame to write; choose a range with at least one step.")
    finally:
        if painter.isActive():
            painter.end()


def add_bookmarks(file: IO[bytes], titles: list[str]) -> None:
    """Append a bookmark for each page that has a title; a file of an unknown build stays as it is.

    `file` is open for reading and writing, and has as many pages as titles.
    """
    file.seek(0, 2)
    with mmap(file.fileno(), 0, access=ACCESS_READ) as content:
        addition = _addition(content, titles)
    file.write(addition)


def _addition(content: mmap, titles: list[str]) -> bytes:
    """What follows the end of the file."""
    trailer = content[content.rfind(b"trailer") :]
    table = _number(rb"startxref\s+(\d+)", trailer)
    size, root = _number(rb"/Size\s+(\d+)", trailer), _number(rb"/Root\s+(\d+) 0 R", trailer)
    # One table that begins at 0, as Qt writes it: each entry has 20 bytes.
    head = re.compile(rb"xref\s+0 \d+\s*\n").match(content, table or 0)
    if not table or not size or not root or head is None:
        return b""

    def body(number: int) -> bytes:
        entry = head.end() + 20 * number
        start = int(content[entry : entry + 10])
        return content[start : content.find(b"endobj", start)]

    catalog = body(root)
    pages = _number(rb"/Pages\s+(\d+) 0 R", catalog)
    kids = re.search(rb"/Kids\s*\[(.*?)\]", body(pages) if pages else b"", re.DOTALL)
    found = [] if kids is None else re.findall(rb"(\d+) 0 R", kids[1])
    named = [(page, title) for page, title in zip(found, titles, strict=False) if title]
    if len(found) != len(titles) or not named:
        return b""
    outlines = b"/Outlines %d 0 R\n/PageMode /UseOutlines\n>>" % size
    objects = {root: catalog.partition(b"obj")[2].strip().removesuffix(b">>") + outlines}
    objects |= _outline(size, named)
    return _appended(objects, len(content), table, size + 1 + len(named), trailer)


def _outline(first: int, named: list[tuple[bytes, str]]) -> dict[int, bytes]:
    """The outline as object `first`, and after it an object a bookmark."""
    last = first + len(named)
    ends = b"/First %d 0 R /Last %d 0 R /Count %d" % (first + 1, last, len(named))
    objects = {first: b"<< /Type /Outlines " + ends + b" >>"}
    for number, (page, title) in enumerate(named, start=first + 1):
        before = b"/Prev %d 0 R " % (number - 1) if number > first + 1 else b""
        after = b"/Next %d 0 R " % (number + 1) if number < last else b""
        text = ("\ufeff" + title).encode("utf-16-be", "replace").hex().encode()
        goal = b"/Dest [%s 0 R /Fit] /Parent %d 0 R " % (page, first)
        objects[number] = b"<< /Title <" + text + b"> " + goal + before + after + b">>"
    return objects


def _appended(
    objects: dict[int, bytes], start: int, table: int, size: int, trailer: bytes
) -> bytes:
    """New objects, where they lie, and a trailer that leads on to the table before."""
    parts, places = [b"\n"], {}
    place = start + 1
    for number, content in objects.items():
        places[number] = place
        parts.append(b"%d 0 obj\n%s\nendobj\n" % (number, content))
        place += len(parts[-1])
    # Some readers want a first entry that is the head of the list of free objects.
    parts.append(b"xref\n0 1\n0000000000 65535 f \n")
    parts += [b"%d 1\n%010d 00000 n \n" % (number, at) for number, at in sorted(places.items())]
    kept = re.sub(rb"/Size\s+\d+", b"/Size %d /Prev %d" % (size, table), trailer, count=1)
    return b"".join(parts) + kept.partition(b"startxref")[0] + b"startxref\n%d\n%%%%EOF\n" % place


def _number(pattern: bytes, text: bytes) -> int | None:
    found = re.search(pattern, text)
    return None if found is None else int(found[1])
