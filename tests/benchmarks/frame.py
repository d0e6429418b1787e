"""From a step to its painted frame: state → view → stage → image; then the explanation's.

Run by `python -m tests.benchmarks.frame`. LeNet on its example at 1920×1080 without a display:
random places at every depth in both loop orders, each reached by a jump and left by a step.
`python -m tests.benchmarks.frame profile` shows where the time of the slowest frames goes.
"""

from __future__ import annotations

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")
os.environ["QT_QPA_PLATFORM"] = "offscreen"

import cProfile
import pstats
import random
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TypeVar

from PySide6.QtGui import QImage, QPainter

from backpropviz.debugger.session import SessionState, timeline_of
from backpropviz.debugger.timeline import Depth, LoopOrder, Timeline
from backpropviz.engine.record import run
from backpropviz.engine.tape import operations
from backpropviz.figures.explain.explanation import explanation
from backpropviz.figures.numbers import Scales
from backpropviz.figures.stage.stage import stage
from backpropviz.figures.view import View
from backpropviz.files.networks import load_network
from backpropviz.paint.draw import draw, painting_application
from backpropviz.scene.marks import Scene
from backpropviz.scene.theme import LIGHT
from backpropviz.ui.process import collect_between_events, set_aside_what_stays
from tests.benchmarks.timing import percentile, verdict

SIZE = (1920, 1080)
EXPLANATION_WIDTH = 420
FRAMES_PER_DEPTH = 60
BOUND_MS = 16.0
T = TypeVar("T")
PARTS = ("view", "stage scene", "stage paint", "explanation scene", "explanation paint")


@dataclass(frozen=True, slots=True)
class Frame:
    """What one frame took, part by part."""

    state: SessionState
    name: str
    times_ms: tuple[float, ...]
    processor_ms: float

    @property
    def total_ms(self) -> float:
        """Step to painted frame; the explanation beside it is drawn when the window is idle."""
        return sum(self.times_ms[:3])


def opened(network: str) -> View:
    """The network's example, at the start of its pass."""
    model = load_network(network)
    tape = run(model)
    timeline = Timeline(operations(tape.network, tape.batch, tape.optimizer))
    return View(model, tape, timeline, SessionState(), Scales(tape))


class Canvas:
    """Images to paint on, kept from frame to frame as the window keeps its own."""

    def __init__(self) -> None:
        self._images: dict[tuple[int, int], QImage] = {}

    def paint(self, scene: Scene) -> Scene:
        """Paint a whole scene, and hand it back."""
        size = (round(scene.width), round(scene.height))
        image = self._images.get(size)
        if image is None:
            image = self._images[size] = QImage(*size, QImage.Format.Format_ARGB32_Premultiplied)
        painter = QPainter(image)
        draw(scene, painter)
        painter.end()
        return scene


def frame(view: View, state: SessionState, canvas: Canvas) -> Frame:
    """Draw the frame of a state and take the time of each part."""
    timeline = view.timeline.ordered(state.order, {})
    begin_s = time.process_time()
    marks = [time.perf_counter()]

    def part(made: T) -> T:
        marks.append(time.perf_counter())
        return made

    now = part(replace(view, state=state, timeline=timeline_of(timeline, state)))
    scene = part(stage(now, *SIZE, LIGHT))
    part(canvas.paint(scene))
    told = part(explanation(now.explained, EXPLANATION_WIDTH, LIGHT))
    part(canvas.paint(told))
    processor_ms = 1e3 * (time.process_time() - begin_s)
    target = timeline.nest(timeline.operation_at(state.k)).target
    name = f"{target} {now.depth.title} by {state.order.value}"
    times = tuple(1e3 * (after - before) for before, after in pairwise(marks))
    return Frame(state, name, times, processor_ms)


def next_state(view: View, state: SessionState) -> SessionState:
    """The state after a step over; the same at the end."""
    timeline = view.timeline.ordered(state.order, {})
    stop = timeline.block(state.k, state.depth)[1]
    return state if stop >= timeline.steps else replace(state, k=stop)


def states(view: View, count: int) -> Iterator[SessionState]:
    """Random places, every tensor as likely as another, at every depth in both orders."""
    chosen = random.Random(1)
    for order in LoopOrder:
        timeline = view.timeline.ordered(order, {})
        for depth in Depth:
            for _ in range(count):
                extent = chosen.choice(timeline.tensors)
                k = chosen.randrange(extent.start, extent.stop)
                yield SessionState(k=k, depth=depth, order=order)


def report(title: str, frames: list[Frame]) -> None:
    """Median, 99th percentile and the slowest."""
    totals = [found.total_ms for found in frames]
    p99 = percentile(totals, 0.99)
    print(
        f"{title} to painted frame, {len(frames)} places: p50 {statistics.median(totals):.2f}  "
        f"p99 {p99:.2f} ms, {verdict(p99, BOUND_MS)}   max {max(totals):.2f}"
    )
    whole = [sum(found.times_ms) for found in frames]
    print(
        f"  with the explanation: p50 {statistics.median(whole):.2f}  "
        f"p99 {percentile(whole, 0.99):.2f} ms"
    )
    processor = [found.processor_ms for found in frames]
    print(
        f"  processor time alone, whatever else runs: p50 {statistics.median(processor):.2f}  "
        f"p99 {percentile(processor, 0.99):.2f} ms"
    )
    for number, name in enumerate(PARTS):
        own = [found.times_ms[number] for found in frames]
        print(f"  {name:18} p50 {statistics.median(own):6.2f}  p99 {percentile(own, 0.99):6.2f} ms")
    by_depth: dict[Depth, list[float]] = defaultdict(list)
    for found in frames:
        by_depth[found.state.depth].append(found.total_ms)
    for depth, own in by_depth.items():
        print(
            f"  at {depth.title:15} p50 {statistics.median(own):6.2f}  "
            f"p99 {percentile(own, 0.99):6.2f} ms"
        )
    print("  slowest:")
    for found in sorted(frames, key=lambda f: -f.total_ms)[:8]:
        parts = " + ".join(f"{time:.1f}" for time in found.times_ms)
        print(f"    {found.total_ms:6.2f} ms = {parts}   step {found.state.k:,} {found.name}")


def main(words: list[str]) -> None:
    """At each place the frame of a jump to it, and then that of a step from it."""
    collect_between_events()
    application = painting_application()
    canvas, view = Canvas(), opened("lenet")
    for state in states(view, 4):
        frame(view, state, canvas)
    set_aside_what_stays()
    jumps, steps = [], []
    for state in states(view, FRAMES_PER_DEPTH):
        jumps.append(frame(view, state, canvas))
        steps.append(frame(view, next_state(view, state), canvas))
    report("step", steps)
    report("jump", jumps)
    if "profile" in words:
        slowest = [found.state for found in sorted(steps, key=lambda f: -f.total_ms)[:20]]
        profile = cProfile.Profile()
        profile.enable()
        for state in slowest:
            frame(view, state, canvas)
        profile.disable()
        pstats.Stats(profile).sort_stats("cumulative").print_stats(60)
    del application


if __name__ == "__main__":
    main(sys.argv[1:])
