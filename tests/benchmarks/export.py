"""Slides to files: how fast next to matplotlib's `savefig`, and how much memory a long one takes.

Run by `python -m tests.benchmarks.export`. LeNet's stage at 1920×1080, without a display; the
figure it is compared with has as many cells, texts and lines. The slides are composed before: times
are those of writing, on the processor, whatever else runs. Without matplotlib only rates are told.
"""

from __future__ import annotations

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")
os.environ["QT_QPA_PLATFORM"] = "offscreen"

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import numpy as np

from backpropviz.debugger.timeline import Depth
from backpropviz.export.formats import FORMATS, ExportOptions
from backpropviz.figures.frames import frames
from backpropviz.paint.draw import painting_application
from backpropviz.scene.marks import Group, Line, Mark, Pixels, Rect, Text
from backpropviz.scene.marks import Path as Outline
from backpropviz.scene.slide import Slide, as_slide
from backpropviz.scene.theme import LIGHT
from tests.benchmarks.frame import opened
from tests.benchmarks.timing import seconds

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIZE: Final = (1920, 1080)
TIMES_FASTER: Final = {"png": 7.0, "svg": 40.0, "pdf": 30.0}
FRAMES_PER_SECOND: Final = {"mp4": 50.0, "gif": 25.0}
SHOWN: Final = 60
PAGES: Final = 10
MANY: Final = 2000
MOST_GROWTH: Final = 1.25
KINDS: Final = {kind.name: kind for kind in FORMATS}
PLAIN: Final = ExportOptions()


def reached(value: float, bound: float) -> str:
    """Whether a measure is as high as the issue asks for."""
    return f"{'meets' if value >= bound else 'MISSES'} ≥ {bound:g}"


def slides() -> list[Slide]:
    """Steps one after the other, at the pace of a lecture."""
    found = frames(opened("lenet"), "start", "end", Depth.CHANNEL, SIZE, LIGHT)
    part = list(found)[:SHOWN]
    return [as_slide(scene, LIGHT, title=f"Step {k}") for k, scene in enumerate(part)]


def marks_of(marks: tuple[Mark, ...]) -> Iterator[Mark]:
    """Those that are no group."""
    for mark in marks:
        if isinstance(mark, Group):
            yield from marks_of(mark.marks)
        else:
            yield mark


def figure(slide: Slide) -> Figure:
    """As many pictures, rectangles, lines and texts by matplotlib, at their own places."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    width, height = SIZE
    made = Figure(figsize=(width / 100, height / 100), dpi=100)
    axes = made.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    for mark in marks_of(slide.scene.marks):
        match mark:
            case Pixels():
                extent = (mark.x, mark.x + mark.width, mark.y + mark.height, mark.y)
                shown = np.nan_to_num(np.asarray(mark.values, dtype=float))
                axes.imshow(shown, extent=extent, interpolation="nearest", cmap="coolwarm")
            case Rect():
                corner = (mark.x, mark.y)
                axes.add_patch(Rectangle(corner, mark.width, mark.height, facecolor="#EEEEEE"))
            case Line():
                axes.plot((mark.x1, mark.x2), (mark.y1, mark.y2), linewidth=0.7)
            case Outline():
                axes.plot(*zip(*mark.points, strict=True), linewidth=0.7)
            case Text():
                plain = mark.text.replace("$", r"\$")
                axes.text(mark.x, mark.y, plain, fontsize=0.72 * mark.font.size)
            case _:
                pass
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    return made


def on_the_processor(steps: Sequence[Callable[[], object]], rounds: int) -> tuple[float, ...]:
    """Each step's median processor seconds, all threads added; they take turns."""
    times: list[list[float]] = [[] for _ in steps]
    for number in range(rounds + 1):
        for step, own in zip(steps, times, strict=True):
            begin_s = time.process_time()
            step()
            if number:
                own.append(time.process_time() - begin_s)
    return tuple(statistics.median(own) for own in times)


def compare(shown: list[Slide], folder: Path) -> None:
    """One slide against one figure, and as many pages of each, in turns."""
    slide = shown[len(shown) // 2]
    count = sum(1 for _ in marks_of(slide.scene.marks))
    for name, bound in TIMES_FASTER.items():
        made = figure(slide)
        pages = PAGES if name == "pdf" else 1
        own = partial(KINDS[name].write, [slide] * pages, pages, folder / f"a.{name}", PLAIN)
        theirs = partial(save, made, pages, folder / f"b.{name}")
        one, other = on_the_processor((own, theirs), rounds=5)
        print(
            f"{name.upper():4} {count} marks: {1e3 * one / pages:.1f} ms, "
            f"savefig {1e3 * other / pages:.1f} ms: "
            f"{other / one:.1f} times faster, {reached(other / one, bound)}"
        )


def save(made: Figure, pages: int, path: Path) -> None:
    """The figure to a file, of a PDF as many pages."""
    if path.suffix != ".pdf":
        made.savefig(path)
        return
    from matplotlib.backends.backend_pdf import PdfPages

    with PdfPages(path) as file:
        for _ in range(pages):
            made.savefig(file, format="pdf")


def rates(shown: list[Slide], folder: Path) -> None:
    """Pictures a second of whole animations."""
    options = {"mp4": PLAIN, "gif": PLAIN, "webp": PLAIN, "apng": PLAIN}
    for name, chosen in options.items():
        if name == "mp4" and find_spec("av") is None:
            print("MP4: PyAV is not here")
            continue
        some = shown if name in FRAMES_PER_SECOND else shown[:8]
        path = folder / f"a.{name}"
        begin_s = time.process_time()
        took = seconds(partial(KINDS[name].write, some, len(some), path, chosen))
        processor = time.process_time() - begin_s
        count = len(some) * chosen.frames_per_second if name == "mp4" else len(some)
        bound = FRAMES_PER_SECOND.get(name)
        told = "" if bound is None else f" ({reached(count / processor, bound)})"
        size = path.stat().st_size / len(some) / 1e6
        print(
            f"{name.upper():4} {count / processor:6.1f} frames a second of the processor{told}, "
            f"{count / took:.1f} on the clock; {size:.3f} MB a step"
        )


def memory() -> None:
    """Peak memory of a process that writes many frames, next to one that writes a tenth."""
    for name in ("gif", "mp4"):
        if name == "mp4" and find_spec("av") is None:
            continue
        few, many = (peak_mb(name, count) for count in (MANY // 10, MANY))
        verdict = "meets" if many <= MOST_GROWTH * few else "MISSES"
        print(
            f"{name.upper()} peak memory: {MANY // 10:,} frames {few:.0f} MB, "
            f"{MANY:,} frames {many:.0f} MB, {verdict} ≤ {MOST_GROWTH} times"
        )


def peak_mb(name: str, count: int) -> float:
    """What a process of its own needs at most."""
    words = [sys.executable, "-m", "tests.benchmarks.export", name, str(count)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return float(done.stdout)


def write_many(name: str, count: int) -> None:
    """Write small frames that all differ, and print the peak of memory in MB."""

    application = painting_application()
    first = as_slide(
        next(iter(frames(opened("tiny-max"), 1, 2, Depth.TERM, (480, 270), LIGHT))), LIGHT
    )

    def made() -> Iterator[Slide]:
        for number in range(count):
            bar = Rect(10, 200, 1 + number % 400, 20, fill=LIGHT.here)
            scene = replace(first.scene, marks=(*first.scene.marks, bar))
            yield as_slide(scene, LIGHT, seconds=0.1)

    with TemporaryDirectory() as folder:
        KINDS[name].write(made(), count, Path(folder, f"a.{name}"), PLAIN)
    del application
    status = Path("/proc/self/status").read_text("ascii")
    print(float(status.partition("VmHWM:")[2].split()[0]) / 1024)


def main(words: list[str]) -> None:
    """All of it, or, with a kind and a number, one long animation."""
    if words:
        write_many(words[0], int(words[1]))
        return
    application = painting_application()
    shown = slides()
    with TemporaryDirectory() as folder:
        if find_spec("matplotlib") is None:
            print("matplotlib is not here: nothing to compare with")
        else:
            compare(shown, Path(folder))
        rates(shown, Path(folder))
    if sys.platform == "linux":
        memory()
    del application


if __name__ == "__main__":
    main(sys.argv[1:])
