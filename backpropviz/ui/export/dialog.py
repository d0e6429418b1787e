"""What to export: this frame or a range, on which page, in which colors, as which file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Final

from PySide6.QtCore import QObject, QSettings, Signal
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QCheckBox, QFileDialog, QProgressBar, QWidget

from backpropviz.debugger.timeline import Depth
from backpropviz.errors import UserError
from backpropviz.export.formats import FORMATS, ExportFormat, ExportOptions, Holds
from backpropviz.export.frames import AS_SHOWN, FRAME_SIZES, export_slides, frame_size
from backpropviz.figures.frames import END, START, FrameRange, frames, offered_ranges
from backpropviz.figures.slides.deck import SlideRange
from backpropviz.figures.slides.look import PRESETS, SlideLook, preset
from backpropviz.frozen import Setting, frozen, setting, setting_of
from backpropviz.scene.slide import Slide
from backpropviz.scene.theme import DARK, LIGHT, Theme
from backpropviz.ui import boxes
from backpropviz.ui.background import Background, sentence
from backpropviz.ui.dialog import FramedDialog, form
from backpropviz.ui.export.preview import Filmstrip, SlidePreview
from backpropviz.ui.forms import Fields
from backpropviz.ui.kept_work import session_bytes
from backpropviz.ui.opened import Opened
from backpropviz.ui.windows import room

_ONE, _RANGE = "one", "range"
_FROM_HERE: Final = "from here"
STAGE: Final = "stage"
_WIDTH, _WIDE, _NARROW = 300, 1220, 880
_MANY_ONLY: Final = ("gif", "webp", "mp4", "html", "reveal")
"""Kinds that a single frame has nothing of."""
_TRANSPARENT: Final = "transparent"
_KINDS: Final[Mapping[object, str]] = {
    "pptx": "PPTX",
    "pdf": "PDF",
    "png": "PNG",
    "svg": "SVG",
    "gif": "GIF",
    "webp": "WebP",
    "mp4": "MP4",
    "html": "HTML",
    "reveal": "Reveal",
}
_KEPT: Final = "export/look"


def _end(title: str) -> Setting:
    told = "An address, the number of a step, “start” or “end”."
    return Setting(title, told, options={None: "an address, a step, start or end"})


@frozen
class ExportSettings:
    """What is chosen; a part is one of those that lie around the step."""

    what: str = setting(
        Setting("Export", options={_ONE: "This frame", _RANGE: "A range"}), default=_ONE
    )
    part: str = setting(Setting("Part", options={_FROM_HERE: "from here to …"}), default=_FROM_HERE)
    first: str = setting(_end("From"), default="")
    last: str = setting(_end("To"), default="")
    depth: Depth = setting(
        Setting(
            "Depth", "A frame for each.", options={d: d.title for d in Depth if d > Depth.PASS}
        ),
        default=Depth.LAYER,
    )
    format: str = setting(Setting("Format", options=_KINDS), default="png")
    page: str = setting(
        Setting(
            "Page",
            "Composed for its readers, or as the window shows it.",
            options={**{one.name: one.title for one in PRESETS}, STAGE: "As shown"},
        ),
        default=PRESETS[0].name,
    )
    size: str = setting(
        Setting("Frame", options={AS_SHOWN: "as shown", **{name: name for name in FRAME_SIZES}}),
        default=AS_SHOWN,
    )
    scale: float = setting(Setting("Scale", options={1.0: "1×", 2.0: "2×", 4.0: "4×"}), default=1.0)
    theme: str = setting(
        Setting(
            "Colors",
            options={LIGHT.name: "light", DARK.name: "dark", _TRANSPARENT: "transparent"},
        ),
        default=LIGHT.name,
    )


@frozen
class SlidePanels:
    """What a slide holds beside its title and the stage."""

    formula: bool = setting(Setting("Formula", "The value with its numbers."), default=True)
    sentence: bool = setting(Setting("Sentence", "What happens, in a line or two."), default=True)
    footer: bool = setting(Setting("Address and step", "At the lower edge."), default=True)


@frozen(eq=False)
class ExportJob:
    """What is written where."""

    slides: SlideRange
    path: Path
    kind: ExportFormat
    options: ExportOptions
    opened: Opened


class ExportProgress(QObject):
    """Carries progress from the worker's thread to the dialog's."""

    advanced = Signal(int, int)


class ExportDialog(FramedDialog):
    """Shows what is wished for, and writes it beside the window; a cancel leaves nothing."""

    def __init__(
        self, parent: QWidget, opened: Opened, shown: tuple[int, int], colors: Theme
    ) -> None:
        super().__init__(parent, "Export")
        self._opened, self._shown, self._colors = opened, shown, colors
        self.written = ""
        self._is_cancelled = False
        self._slides: SlideRange | None = None
        self._asked: object = None
        self._progress = ExportProgress(self)
        self._progress.advanced.connect(self._advance)
        self._worker = Background(self)
        self._worker.answered.connect(self._finish)
        self._worker.failed.connect(self._fail)
        self._make_controls()
        self._lay_out()
        self._refresh()
        width = min(_WIDE, room(self).width())
        self._beside.setVisible(width >= _NARROW)
        self.resize(width if width >= _NARROW else self.sizeHint().width(), self._height(width))

    def _make_controls(self) -> None:
        view = self._opened.view
        _, stop = view.block
        self._offered = {part.name: part for part in offered_ranges(view)}
        chosen = ExportSettings(
            first=self._here(),
            last=str(stop) if stop else END,
            depth=view.depth,
            theme=self._colors.name,
        )
        chosen = replace(chosen, page=_kept("page", chosen), format=_kept("format", chosen))
        own = [field.name for field in fields(chosen) if field.name not in _OF_PIXELS]
        self._fields = Fields(chosen, own, about=self._about)
        self._pixels = Fields(chosen, _OF_PIXELS)
        self._panels, self._of_deck = Fields(SlidePanels()), Fields(ExportOptions(), _OF_DECK)
        choice, line_of = self._fields.choice, self._fields.line
        self._what, self._part, self._format = choice("what"), choice("part"), choice("format")
        self._depth, self._first, self._last = choice("depth"), line_of("first"), line_of("last")
        for line in (self._first, self._last):
            line.setFixedWidth(_WIDTH)
            line.textEdited.connect(self._leave_part)
        for segmented in (self._format, choice("page")):
            segmented.set_compact(True)
        self._part.chosen.connect(self._choose_part)
        for some in (self._fields, self._pixels, self._panels, self._of_deck):
            some.edited.connect(self._refresh)
        self.preview, self.strip = SlidePreview(), Filmstrip()
        self.caption = boxes.words(style="Note", wraps=True)
        self.strip.chosen.connect(self._show_slide)

    def _about(self, settings: object, name: str) -> Setting:
        about = setting_of(settings, name)
        if name != "part":
            return about
        offers = {name: part.title for name, part in self._offered.items()}
        return replace(about, options=offers | dict(about.options))

    def _lay_out(self) -> None:
        self._rows = form()
        self._rows.setVerticalSpacing(6)
        self._fields.add_to(self._rows)
        pixels = boxes.row(*self._pixels.controls.values(), None, gap=16)
        self._rows.addRow("Frame, scale", pixels)
        self._rows.addRow("Panels", boxes.row(*_boxes_of(self._panels), gap=16))
        self._rows.addRow("PowerPoint", boxes.row(*_boxes_of(self._of_deck), gap=16))
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName("Progress")
        self._bar.hide()
        left = boxes.column(self._rows, None, self._bar)
        self._beside = QWidget()
        self._beside.setObjectName("DialogBody")
        margins = boxes.BARE
        boxes.column(
            (self.preview, 1), self.caption, self.strip, gap=8, margins=margins, owner=self._beside
        )
        both = boxes.row(gap=24)
        both.addLayout(left)
        both.addWidget(self._beside, 1)
        self.body.addLayout(both)
        self._cancel = self.add_button("Cancel")
        self._cancel.clicked.connect(self.reject)
        self._export = self.add_button("Export…", is_primary=True)
        self._export.clicked.connect(self._ask_path)
        self.setMinimumWidth(520)

    def _choose_part(self, name: object) -> None:
        """Write the ends of a part into the fields, which say what is exported."""
        part = self._offered.get(str(name))
        if part is None:
            self._first.setText(self._here())
            self._last.clear()
            self._last.setFocus()
        else:
            self._depth.set_value(part.depth)
            self._first.setText(str(part.start + 1))
            self._last.setText(str(part.stop))
        self._refresh()

    def _here(self) -> str:
        """The place of the view, as it is typed."""
        view = self._opened.view
        return END if view.is_done else str(view.block[0] + 1) if view.has_begun else START

    def _leave_part(self) -> None:
        """What is typed is no offered part any more."""
        self._part.set_value(_FROM_HERE)

    def _refresh(self) -> None:
        is_range, is_stage = self._what.value == _RANGE, self._fields.value("page") == STAGE
        for control in (self._part, self._first, self._last, self._depth):
            self._allow(control, is_allowed=is_range)
        kinds = [name for name in _KINDS if is_range or name not in _MANY_ONLY]
        kind = self._format.value if self._format.value in kinds else kinds[0]
        self._format.set_value(kind, kinds)
        self._pixels.controls["scale"].setEnabled(kind in {"png", "gif", "webp", "mp4"})
        self._pixels.controls["size"].setEnabled(is_stage)
        colors = [LIGHT.name, DARK.name, *([] if is_stage else [_TRANSPARENT])]
        chosen = self._fields.value("theme")
        self._fields.choice("theme").set_value(chosen if chosen in colors else colors[0], colors)
        for box in self._panels.controls.values():
            box.setEnabled(not is_stage)
        for box in self._of_deck.controls.values():
            box.setEnabled(kind == "pptx")
        try:
            slides = self.slide_range()
        except UserError as error:
            self.say(str(error))
            self._show_range(None)
            self._export.setEnabled(False)
            return
        self.say(_counted(slides.count))
        self._show_range(slides)
        self._export.setText(f"Export {_counted(slides.count)}…")
        self._export.setEnabled(True)

    def _allow(self, control: QWidget, *, is_allowed: bool) -> None:
        """Rows that do not count stay where they are, so that nothing moves at a choice."""
        for part in filter(None, (self._rows.labelForField(control), control)):
            part.setEnabled(is_allowed)

    def _show_range(self, slides: SlideRange | None) -> None:
        """Show the slides anew where they are others than those shown."""
        asked: object = None
        if slides is not None:
            found = slides.frames
            asked = (found.positions, found.depth, found.size, found.theme.name, slides.look)
        if asked == self._asked:
            return
        self._asked, self._slides = asked, slides
        before = self.strip.currentIndex().row()
        if slides is None or not slides.count:
            self.preview.show_slide(None, self._colors)
            self.caption.setText(" ")
        self.strip.show_range(slides, max(0, before))

    def _show_slide(self, number: int) -> None:
        if self._slides is not None and number < self._slides.count:
            slide = self._slides.slide(number)
            self.preview.show_slide(slide, self._colors)
            self.caption.setText(_told(slide, number, self._slides.count))

    def frame_range(self) -> FrameRange:
        """The frames that are wished for.

        Raises:
            UserError: an end of the range does not exist.
        """
        view = self._opened.view
        size = frame_size(str(self._pixels.value("size")), self._shown)
        extent, colors = (float(size[0]), float(size[1])), self._theme
        if self._what.value == _ONE:
            return frames(view, view.state.k, view.state.k, view.depth, extent, colors)
        depth = self._depth.value
        wanted = depth if isinstance(depth, Depth) else view.depth
        first, last = self._first.text(), self._last.text()
        if not last.strip():
            raise UserError("To where? Give an address, the number of a step, or “end”.")
        return frames(view, first, last, wanted, extent, colors)

    def slide_range(self) -> SlideRange:
        """The same as they are written; errors as for `frame_range`."""
        page = str(self._fields.value("page"))
        if page == STAGE:
            return SlideRange(self.frame_range(), None)
        told = [name for name, box in self._panels.controls.items() if box.isChecked()]  # type: ignore[union-attr]
        is_transparent = self._fields.value("theme") == _TRANSPARENT
        look = SlideLook(preset(page), self._theme, is_transparent, ("stage", *told))
        return SlideRange(self.frame_range(), look)

    @property
    def _theme(self) -> Theme:
        return DARK if self._fields.value("theme") == DARK.name else LIGHT

    def _kind(self, count: int) -> ExportFormat:
        """The kind of file; of several pictures a folder of them."""
        name = str(self._format.value)
        wanted = f"{name}-folder" if count > 1 and name in {"png", "svg"} else name
        return next(kind for kind in FORMATS if kind.name == wanted)

    def _ask_path(self) -> None:
        name = self._chosen_path()
        if not name:
            return
        QSettings().setValue("folder/export", str(Path(name).parent))
        self.start(Path(name))

    def _chosen_path(self) -> str:
        folder = str(QSettings().value("folder/export", ""))
        kind = self._kind(self.frame_range().count)
        if kind.holds is Holds.FOLDER:
            return QFileDialog.getExistingDirectory(self, "Folder for the frames", folder)
        first = str(Path(folder, f"{self._opened.subject.file_stem}{kind.suffix}"))
        name, _ = QFileDialog.getSaveFileName(
            self, "Export", first, f"{kind.title} (*{kind.suffix})"
        )
        return name if not name or name.endswith(kind.suffix) else f"{name}{kind.suffix}"

    def start(self, path: Path) -> None:
        """Write to a path, beside the window."""
        slides = self.slide_range()
        scale = self._pixels.value("scale")
        scale = scale if isinstance(scale, float) else 1.0
        options = ExportOptions(scale=scale, dpi=round(96 * scale), **self._of_deck.values())
        job = ExportJob(slides, path, self._kind(slides.count), options, self._opened)
        self._keep_look()
        self._is_cancelled = False
        self._bar.setRange(0, slides.count)
        self._bar.show()
        self._export.setEnabled(False)
        self.written = ""
        self._worker.run(lambda: _write(job, self._progress.advanced.emit, self._asked_to_stop))

    def _keep_look(self) -> None:
        """Begin with these the next time."""
        for name in ("page", "format"):
            QSettings().setValue(f"{_KEPT}/{name}", str(self._fields.value(name)))

    def _asked_to_stop(self) -> bool:
        return self._is_cancelled

    def _advance(self, done: int, count: int) -> None:
        self._bar.setValue(done)
        self.say(f"{done} of {count} frames")

    def _finish(self, path: Path | None) -> None:
        self._bar.hide()
        if path is None:
            self.say("Cancelled: nothing was written.")
            self._export.setEnabled(True)
            return
        self.written = str(path)
        self.accept()

    def _fail(self, error: BaseException) -> None:
        self._bar.hide()
        self._export.setEnabled(True)
        self.say(sentence(error))

    def reject(self) -> None:
        """Cancel what is being written, else close."""
        if self._worker.is_busy:
            self._is_cancelled = True
        else:
            super().reject()

    def done(self, result: int) -> None:
        """Draw no more pictures."""
        self.strip.film.stop()
        super().done(result)

    def closeEvent(self, event: QCloseEvent) -> None:
        self._is_cancelled = True
        self._worker.stop()
        self.strip.film.stop()
        super().closeEvent(event)


_OF_PIXELS: Final = ("size", "scale")
_OF_DECK: Final = ("morph", "notes", "native_equations")


def _boxes_of(some: Fields) -> Iterator[QWidget]:
    """Boxes to tick, with their titles."""
    for name, control in some.controls.items():
        if isinstance(control, QCheckBox):
            control.setText(some.about[name].title)
            yield control


def _kept(name: str, usual: ExportSettings) -> str:
    """What was chosen the last time, where it still exists."""
    value = str(QSettings().value(f"{_KEPT}/{name}", ""))
    return value if value in setting_of(usual, name).options else str(getattr(usual, name))


def _counted(count: int) -> str:
    return "1 frame" if count == 1 else f"{count:,} frames"


def _told(slide: Slide, number: int, count: int) -> str:
    """`Slide 7 of 16: 13.33 × 7.5 in, smallest text 18 pt, nothing left out`."""
    width, height = (side * slide.points_per_pixel / 72 for side in (slide.width, slide.height))
    left = f"without {', '.join(slide.left_out)}" if slide.left_out else "nothing left out"
    size = f"{width:.4g} × {height:.4g} in"
    small = f"smallest text {slide.smallest_points:.3g} pt"
    return f"{number + 1:,} of {count:,}: {size}, {small}, {left}"


def _write(
    job: ExportJob, progress: Callable[[int, int], None], cancelled: Callable[[], bool]
) -> Path | None:
    """Runs on the worker's thread; None where it was cancelled."""
    options = job.options
    if job.kind.name == "pptx":
        options = replace(options, session=session_bytes(job.opened))
    is_done = export_slides(
        job.slides,
        job.slides.count,
        job.path,
        job.kind,
        options,
        overwrite=job.kind.holds is Holds.FOLDER,
        progress=progress,
        cancelled=cancelled,
    )
    return job.path if is_done else None
