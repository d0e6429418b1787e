"""What to export: this frame or a range, as which files, how large, in which colors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from PySide6.QtCore import QObject, QSettings, Signal
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QFileDialog, QProgressBar, QWidget

from backpropviz.debugger.timeline import Depth
from backpropviz.errors import UserError
from backpropviz.export.formats import FORMATS, ExportOptions, Holds, format_for
from backpropviz.export.frames import AS_SHOWN, FRAME_SIZES, export_slides, frame_size
from backpropviz.figures.frames import END, START, FrameRange, frames, offered_ranges
from backpropviz.frozen import Setting, frozen, setting, setting_of
from backpropviz.scene.slide import as_slide
from backpropviz.scene.theme import DARK, LIGHT, Theme
from backpropviz.ui.background import Background, sentence
from backpropviz.ui.dialog import FramedDialog, form
from backpropviz.ui.forms import Fields
from backpropviz.ui.opened import Opened

_ONE, _RANGE = "one", "range"
_FROM_HERE: Final = "from here"
_FORMATS: Final = {
    _ONE: (("PNG", "png"), ("SVG", "svg"), ("PDF", "pdf")),
    _RANGE: (("PDF", "pdf"), ("PNG folder", "png"), ("SVG folder", "svg")),
}
_WIDTH: Final = 300


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
    format: str = setting(Setting("Format", options={"png": "PNG"}), default="png")
    size: str = setting(
        Setting("Frame", options={AS_SHOWN: "as shown", **{name: name for name in FRAME_SIZES}}),
        default=AS_SHOWN,
    )
    scale: float = setting(Setting("Scale", options={1.0: "1×", 2.0: "2×", 4.0: "4×"}), default=2.0)
    theme: str = setting(
        Setting("Colors", options={LIGHT.name: "light", DARK.name: "dark"}), default=LIGHT.name
    )


@frozen
class ExportJob:
    """What is written where."""

    range: FrameRange
    path: Path
    format: str
    scale: float

    @property
    def is_folder(self) -> bool:
        """Whether numbered frames go into a folder."""
        return self.range.count > 1 and self.format != "pdf"


class ExportProgress(QObject):
    """Carries progress from the worker's thread to the dialog's."""

    advanced = Signal(int, int)


class ExportDialog(FramedDialog):
    """Collects the wishes and writes beside the window; a cancel leaves nothing half-written."""

    def __init__(
        self, parent: QWidget, opened: Opened, shown: tuple[int, int], colors: Theme
    ) -> None:
        super().__init__(parent, "Export")
        self._opened, self._shown, self._colors = opened, shown, colors
        self.written = ""
        self._is_cancelled = False
        self._progress = ExportProgress(self)
        self._progress.advanced.connect(self._advance)
        self._worker = Background(self)
        self._worker.answered.connect(self._finish)
        self._worker.failed.connect(self._fail)
        self._make_controls()
        self._lay_out()
        self._refresh()

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
        self._fields = Fields(chosen, about=self._about)
        choice, line_of = self._fields.choice, self._fields.line
        self._what, self._part, self._format = choice("what"), choice("part"), choice("format")
        self._depth, self._first, self._last = choice("depth"), line_of("first"), line_of("last")
        for line in (self._first, self._last):
            line.setFixedWidth(_WIDTH)
            line.textEdited.connect(self._leave_part)
        self._part.chosen.connect(self._choose_part)
        self._fields.edited.connect(self._refresh)

    def _about(self, settings: object, name: str) -> Setting:
        about = setting_of(settings, name)
        if name != "part":
            return about
        offers = {name: part.title for name, part in self._offered.items()}
        return replace(about, options=offers | dict(about.options))

    def _lay_out(self) -> None:
        self._rows = form()
        self._fields.add_to(self._rows)
        self.body.addLayout(self._rows)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName("Progress")
        self._bar.hide()
        self.body.addWidget(self._bar)
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
        what = str(self._what.value)
        is_range = what == _RANGE
        for control in (self._part, self._first, self._last, self._depth):
            self._allow(control, is_allowed=is_range)
        before = self._format.value
        formats = _FORMATS[what]
        self._format.set_choices([(title, name, "") for title, name in formats])
        names = [name for _, name in formats]
        self._format.set_value(before if before in names else names[0])
        self._allow(self._fields.controls["scale"], is_allowed=self._format.value == "png")
        try:
            count = self.frame_range().count
        except UserError as error:
            self.say(str(error))
            self._export.setEnabled(False)
            return
        frames_text = "1 frame" if count == 1 else "{n} frames"
        self.say(frames_text.format(n=f"{count:,}"))
        self._export.setEnabled(True)

    def _allow(self, control: QWidget, *, is_allowed: bool) -> None:
        """Rows that do not count stay where they are, so that nothing moves at a choice."""
        for part in filter(None, (self._rows.labelForField(control), control)):
            part.setEnabled(is_allowed)

    def frame_range(self) -> FrameRange:
        """The frames that are wished for.

        Raises:
            UserError: an end of the range does not exist.
        """
        view, colors = (
            self._opened.view,
            LIGHT if self._fields.value("theme") == LIGHT.name else DARK,
        )
        size = frame_size(str(self._fields.value("size")), self._shown)
        room = float(size[0]), float(size[1])
        if self._what.value == _ONE:
            return frames(view, view.state.k, view.state.k, view.depth, room, colors)
        depth = self._depth.value
        wanted = depth if isinstance(depth, Depth) else view.depth
        first, last = self._first.text(), self._last.text()
        if not last.strip():
            raise UserError("To where? Give an address, the number of a step, or “end”.")
        return frames(view, first, last, wanted, room, colors)

    def _ask_path(self) -> None:
        name = self._chosen_path()
        if not name:
            return
        QSettings().setValue("folder/export", str(Path(name).parent))
        self.start(Path(name))

    def _chosen_path(self) -> str:
        folder = str(QSettings().value("folder/export", ""))
        suffix = str(self._format.value)
        if self._what.value == _RANGE and suffix != "pdf":
            return QFileDialog.getExistingDirectory(self, "Folder for the frames", folder)
        first = str(Path(folder, f"{self._opened.subject.file_stem}.{suffix}"))
        name, _ = QFileDialog.getSaveFileName(
            self, "Export", first, f"{suffix.upper()} (*.{suffix})"
        )
        return name if not name or name.endswith(f".{suffix}") else f"{name}.{suffix}"

    def start(self, path: Path) -> None:
        """Write to a path, beside the window."""
        scale = self._fields.value("scale")
        job = ExportJob(
            self.frame_range(),
            path,
            str(self._format.value),
            scale if isinstance(scale, float) else 1.0,
        )
        self._is_cancelled = False
        self._bar.setRange(0, job.range.count)
        self._bar.show()
        self._export.setEnabled(False)
        self.written = ""
        self._worker.run(lambda: _write(job, self._progress.advanced.emit, self._asked_to_stop))

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

    def closeEvent(self, event: QCloseEvent) -> None:
        self._is_cancelled = True
        self._worker.stop()
        super().closeEvent(event)


def _write(
    job: ExportJob, progress: Callable[[int, int], None], cancelled: Callable[[], bool]
) -> Path | None:
    """Runs on the worker's thread; None where it was cancelled."""
    kind = format_for(job.path, job.range.count)
    if kind.holds is Holds.FOLDER:
        kind = next(one for one in FORMATS if one.name == f"{job.format}-folder")
    colors = job.range.theme
    is_done = export_slides(
        (as_slide(scene, colors, points_per_pixel=0.75) for scene in job.range),
        job.range.count,
        job.path,
        kind,
        ExportOptions(scale=job.scale, dpi=round(96 * job.scale)),
        overwrite=job.is_folder,
        progress=progress,
        cancelled=cancelled,
    )
    return job.path if is_done else None
