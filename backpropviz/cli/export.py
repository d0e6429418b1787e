"""Export from the command line: a range of steps as slides or as the stage shows them."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from backpropviz.cli.inputs import input_arguments, recorded
from backpropviz.cli.train import count_value, path_value, scale_value
from backpropviz.errors import UsageError

if TYPE_CHECKING:
    from backpropviz.debugger.timeline import Depth
    from backpropviz.export.formats import ExportFormat, ExportOptions
    from backpropviz.figures.slides.deck import SlideRange
    from backpropviz.figures.slides.look import SlideLook
    from backpropviz.figures.view import View

DEPTHS: Final = ("pass", "phase", "layer", "tensor", "channel", "element", "term")
LARGEST_SCALE: Final = 8.0
STAGE: Final = "stage"
_AS_BEFORE: Final = ("png", "svg", "pdf", "png-folder", "svg-folder")
"""Kinds that show the stage unless a page is asked for."""


def export_arguments(parser: argparse.ArgumentParser) -> None:
    """What is shown, how it looks, and where it goes."""
    input_arguments(parser)
    place = "an address, the number of a step (from 1), start or end"
    parser.add_argument("--from", dest="first", metavar="A", help=place)
    parser.add_argument("--to", dest="last", metavar="B", help=place)
    parser.add_argument("--depth", choices=DEPTHS, help="a frame a block of it")
    parser.add_argument("--value", metavar="A", help="one value, term by term, in place of these")
    parser.add_argument("--order", choices=("target", "source"), default="target")
    look = parser.add_argument_group("look")
    look.add_argument(
        "--preset",
        metavar="P",
        help="slide, slide-4x3, paper, poster or square: composed for its readers; stage: as the "
        "window shows it (default: stage for pictures and PDF, else slide)",
    )
    look.add_argument(
        "--panels", metavar="P,P", help="of a slide: stage, formula, sentence, footer (all)"
    )
    look.add_argument("--theme", choices=("light", "dark", "transparent"), default="light")
    look.add_argument("--size", metavar="WxH", help="of the stage (1920x1080)")
    look.add_argument("--scale", type=_scale, default=1.0, metavar="2", help="pixels per pixel")
    look.add_argument("--dpi", type=count_value, metavar="N", help="told in PNG files")
    parser.add_argument("--format", choices=("png", "svg"), default="png", help="in a folder")
    parser.add_argument("--overwrite", action="store_true", help="into a folder that holds files")
    deck = parser.add_argument_group("PowerPoint")
    deck.add_argument("--no-morph", action="store_true", help="steps do not move into each other")
    deck.add_argument("--no-notes", action="store_true", help="no speaker notes")
    deck.add_argument("--picture-equations", action="store_true", help="for Google Slides")
    moving = parser.add_argument_group("animations")
    moving.add_argument("--fps", type=count_value, metavar="N", help="frames a second of a video")
    moving.add_argument("--speed", type=_scale, metavar="X", help="times the pace of a lecture")
    moving.add_argument("--no-tweens", action="store_true", help="no moves between steps")
    parser.add_argument(
        "--text-as-text", action="store_true", help="in SVG and HTML: needs our fonts to be there"
    )
    parser.add_argument("-o", "--output", required=True, metavar="OUT", type=path_value)


def _scale(text: str) -> float:
    return scale_value(text, LARGEST_SCALE)


def export(arguments: argparse.Namespace) -> int:
    """Write a range to one file or folder."""
    from backpropviz.export.formats import FORMATS, Holds, format_for
    from backpropviz.export.frames import export_slides
    from backpropviz.files.atomic import check_folder

    kind = format_for(arguments.output, 1)
    if kind.holds is Holds.FOLDER:
        kind = next(one for one in FORMATS if one.name == f"{arguments.format}-folder")
    check_folder(arguments.output)
    look = _look(arguments, kind)
    _check_range(arguments)
    view, depth = _view(arguments)
    if kind.name not in {"svg", "svg-folder", "html", "reveal"}:
        _paint_without_display()
    found = _range(arguments, view, depth, look)
    format_for(arguments.output, found.count)
    with _ended_in_order():
        export_slides(
            found,
            found.count,
            arguments.output,
            kind,
            _options(arguments, kind),
            overwrite=arguments.overwrite,
            progress=_progress if sys.stderr is not None and sys.stderr.isatty() else None,
        )
    plural = "" if found.count == 1 else "s"
    print(f"{found.count:,} frame{plural} → {arguments.output}")
    return 0


def _check_range(arguments: argparse.Namespace) -> None:
    if arguments.value is not None:
        if arguments.first or arguments.last or arguments.depth:
            raise UsageError("--value stands in place of --from, --to and --depth: give one.")
        arguments.first = arguments.last = arguments.value
        arguments.depth = "term"
    missing = [
        option
        for option, given in (
            ("--from", arguments.first),
            ("--to", arguments.last),
            ("--depth", arguments.depth),
        )
        if not given
    ]
    if missing:
        raise UsageError(f"Which steps? Give {', '.join(missing)}, or --value in place of all.")


def _look(arguments: argparse.Namespace, kind: ExportFormat) -> SlideLook | None:
    """How slides look; None: the stage itself."""
    from backpropviz.figures.slides.look import PANELS, SlideLook, preset
    from backpropviz.scene.theme import theme

    name = arguments.preset or (STAGE if kind.name in _AS_BEFORE else "slide")
    if name == STAGE:
        if arguments.panels:
            raise UsageError("--panels are those of a slide: give --preset slide as well.")
        return None
    if arguments.size:
        raise UsageError(f"--size is that of the stage; the page {name} has a size of its own.")
    try:
        page = preset(name)
    except UsageError as error:
        raise UsageError(str(error).removesuffix(".") + f", or {STAGE}.") from None
    panels = tuple(PANELS)
    if arguments.panels:
        panels = tuple(word.strip() for word in arguments.panels.split(","))
        unknown = [word for word in panels if word not in PANELS]
        if unknown:
            offered = ", ".join(PANELS)
            raise UsageError(f"{unknown[0]!r} is no panel of a slide; use {offered}.")
    is_transparent = arguments.theme == "transparent"
    colors = theme("light" if is_transparent else arguments.theme)
    return SlideLook(page, colors, is_transparent, panels)


def _range(
    arguments: argparse.Namespace, view: View, depth: Depth, look: SlideLook | None
) -> SlideRange:
    from backpropviz.export.frames import frame_size
    from backpropviz.figures.frames import frames
    from backpropviz.figures.slides.deck import SlideRange
    from backpropviz.scene.theme import theme

    size = frame_size(arguments.size or "1920x1080", (1920, 1080))
    if look is None and arguments.theme == "transparent":
        raise UsageError("The stage has a ground: give --preset slide for a transparent one.")
    colors = theme(arguments.theme) if look is None else look.theme
    found = frames(view, arguments.first, arguments.last, depth, size, colors)
    return SlideRange(found, look)


def _options(arguments: argparse.Namespace, kind: ExportFormat) -> ExportOptions:
    from backpropviz.export.formats import ExportOptions

    usual = ExportOptions()
    dpi = round(96 * arguments.scale) if arguments.dpi is None else arguments.dpi
    return ExportOptions(
        scale=arguments.scale,
        dpi=dpi,
        text_as_text=arguments.text_as_text,
        morph=not arguments.no_morph,
        notes=not arguments.no_notes,
        native_equations=not arguments.picture_equations,
        frames_per_second=min(60, arguments.fps or usual.frames_per_second),
        speed=arguments.speed or usual.speed,
        tweens=not arguments.no_tweens,
        session=_session(arguments) if kind.name == "pptx" else b"",
    )


def _session(arguments: argparse.Namespace) -> bytes:
    """What leads back from the slides: the pass as the window would open it."""
    from backpropviz.ui.kept_work import session_bytes
    from backpropviz.ui.opened import record, subject_for
    from backpropviz.ui.requests import OpenRequest

    request = OpenRequest(
        arguments.network,
        arguments.image or "",
        arguments.target or "",
        mode=arguments.mode or "",
        dropout_seed=arguments.dropout_seed,
    )
    subject = subject_for(request, None)
    if arguments.float_bits == "64":
        subject = subject.with_float_bits(64)
    if arguments.reduction:
        subject = subject.with_reduction(arguments.reduction)
    return session_bytes(record(subject, ""))


def _view(arguments: argparse.Namespace) -> tuple[View, Depth]:
    from backpropviz.debugger.session import SessionState
    from backpropviz.debugger.timeline import Depth, LoopOrder, Timeline
    from backpropviz.engine.tape import operations
    from backpropviz.figures.numbers import Scales
    from backpropviz.figures.view import View

    model, tape = recorded(arguments)
    order: LoopOrder = LoopOrder(arguments.order)
    depth = Depth[arguments.depth.upper()]
    timeline = Timeline(operations(tape.network, tape.batch, tape.optimizer, tape.iteration), order)
    state = SessionState(depth=depth, order=order)
    return View(model, tape, timeline, state, Scales(tape)), depth


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """A signal to end is an exception meanwhile, so that nothing half-written is left."""

    def end(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
        asked = {getattr(signal, name): signal.getsignal(getattr(signal, name)) for name in names}
        # What is ignored, as under nohup, stays so.
        before = {n: handler for n, handler in asked.items() if handler is not signal.SIG_IGN}
    for number in before:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _paint_without_display() -> None:
    # A platform that the person has chosen may need a display, which this command does without.
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    from backpropviz.paint.draw import painting_application

    painting_application()


def _progress(done: int, count: int) -> None:
    end = "\n" if done == count else ""
    print(f"\r{done:,} of {count:,} frames", end=end, file=sys.stderr, flush=True)
