"""How fast any step of a pass is found, and what a map holds there.

Run by `python -m tests.benchmarks.seek`. A VGG16-size program at 224×224 with random arrays, and
LeNet; one BLAS thread. A seek is: step, call stack, and the focused value read after the focus.
"""

from __future__ import annotations

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

import random
import statistics
import time
from collections.abc import Callable

import numpy as np

from backpropviz.debugger.breakpoints import Breakpoint, Seeker
from backpropviz.debugger.progress import array_at, call_stack, value_at
from backpropviz.debugger.timeline import Depth, LoopOrder, Timeline
from backpropviz.engine.initialize import initialize
from backpropviz.engine.kinds.activation import ReLU
from backpropviz.engine.kinds.convolution import Conv2d
from backpropviz.engine.kinds.cross_entropy import CrossEntropy
from backpropviz.engine.kinds.dense import Dense
from backpropviz.engine.kinds.pooling import MaxPool2d
from backpropviz.engine.kinds.protocol import IMAGE, Layer
from backpropviz.engine.kinds.shape import Flatten
from backpropviz.engine.nest import Coordinates
from backpropviz.engine.network import Network, chain
from backpropviz.engine.optimizers import Sgd
from backpropviz.engine.record import record
from backpropviz.engine.tape import Phase, Tape, operations
from backpropviz.engine.value import Address, Array

WIDTHS = (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0)
OPTIMIZER = Sgd(0.01)


def vgg16() -> Network:
    """Simonyan, Zisserman 2014, configuration D."""
    layers: dict[str, Layer] = {}
    block, number = 1, 1
    for width in WIDTHS:
        if width:
            layers[f"conv{block}_{number}"] = Conv2d(width, 3, padding=1)
            layers[f"relu{block}_{number}"] = ReLU()
            number += 1
        else:
            layers[f"pool{block}"] = MaxPool2d(2)
            block, number = block + 1, 1
    layers["flatten"] = Flatten()
    for k, width in enumerate((4096, 4096, 1000), 6):
        layers[f"fc{k}"] = Dense(width)
    return chain("vgg16", (3, 224, 224), layers, CrossEntropy())


def lenet() -> Network:
    """The bundled network's shape."""
    layers: dict[str, Layer] = {
        "conv1": Conv2d(6, 5, padding=2),
        "relu1": ReLU(),
        "pool1": MaxPool2d(2),
        "conv2": Conv2d(16, 5),
        "relu2": ReLU(),
        "pool2": MaxPool2d(2),
        "flatten": Flatten(),
        "dense1": Dense(120),
        "relu3": ReLU(),
        "dense2": Dense(84),
        "relu4": ReLU(),
        "dense3": Dense(10),
    }
    return chain("lenet", (1, 28, 28), layers, CrossEntropy())


def random_tape(network: Network) -> Tape:
    """Random arrays of every shape: no pass is run. Dense weights repeat one row to save memory."""
    generator = np.random.default_rng(0)

    def drawn(shape: tuple[int, ...]) -> Array:
        if len(shape) == 2 and shape[0] > 1:
            return np.broadcast_to(generator.standard_normal(shape[1], np.float32), shape)
        return generator.standard_normal(shape, np.float32)

    arrays: dict[Address, Array] = {IMAGE: drawn((1, 3, 224, 224))}
    canonical: dict[Address, Address] = {}
    for node in network.nodes:
        source, output = node.inputs[0], Address(node.name, "output")
        arrays[output] = drawn((1, *network.shapes[node.name]))
        arrays[output.of("grad")] = drawn((1, *network.shapes[node.name]))
        own, made = Address(node.name, "input"), network.output_address(source)
        arrays[own], arrays[own.grad] = arrays[made], arrays.get(made.grad, arrays[made])
        canonical[own] = made
        canonical[made.grad] = own.grad
        for name, shape in network.parameter_shapes(node).items():
            arrays |= dict.fromkeys(
                (Address(node.name, name, part) for part in ("", "grad", "step", "next")),
                drawn(shape),
            )
        if isinstance(node.layer, MaxPool2d):
            shape = (1, *network.shapes[node.name])
            arrays[Address(node.name, "switches")] = np.zeros(shape, np.int64)
    last = Address(network.output, "output")
    for address in (Address("loss", "input"), last.grad, Address("loss", "input", "grad")):
        arrays[address] = arrays[last]
    for operation in operations(network, 1, OPTIMIZER):
        arrays.setdefault(operation.nest.target, drawn(operation.nest.shape))
    arrays.setdefault(Address("loss", "target"), np.zeros(1, np.int64))
    return Tape(network, OPTIMIZER, arrays, canonical)


def seconds(run: Callable[..., object], *arguments: object) -> float:
    """How long it takes once."""
    start = time.perf_counter()
    run(*arguments)
    return time.perf_counter() - start


def seek(timeline: Timeline, tape: Tape, k: int) -> None:
    """What a jump to a step needs before anything is drawn."""
    step = timeline.step(k, Depth.TERM)
    call_stack(timeline, k, Depth.TERM)
    nest = timeline.nest(step.operation)
    cell = nest.orders[step.order].target_at(step.coordinates, nest.shape)
    if cell is not None and step.depth > Depth.TENSOR:
        value_at(timeline, tape, k + 1, step.target.at(cell))


def displayed(timeline: Timeline, k: int) -> list[Coordinates] | None:
    """The planes on the screen: 8 at 224, 16 below, the current one among them."""
    operation = timeline.operation_at(k)
    nest, loops = timeline.nest(operation), timeline.loops(operation)
    if len(nest.shape) != 4:
        return None
    cell = loops.target_at(timeline.coordinates(k), nest.shape) or (0, 0, 0, 0)
    count = min(8 if nest.shape[-1] > 112 else 16, nest.shape[1])
    first = min(cell[1] // count * count, nest.shape[1] - count)
    return [(cell[0], plane) for plane in range(first, first + count)]


def report(name: str, times: list[float]) -> None:
    """p50, p99 and maximum in milliseconds."""
    ordered = sorted(1e3 * t for t in times)
    p99 = ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]
    middle = statistics.median(ordered)
    print(f"{name:40} p50 {middle:8.3f}  p99 {p99:8.3f}  max {ordered[-1]:8.3f} ms")


def benchmark(network: Network, tape: Tape, seeks: int) -> None:
    """Seeks anywhere, then maps of every convolution's nests, in both orders."""
    chosen = random.Random(1)
    for order in LoopOrder:
        timeline = Timeline(operations(network, 1, tape.optimizer), order)
        ks = [chosen.randrange(timeline.steps) for _ in range(seeks)]
        print(f"{network.name}, by {order.value}: {timeline.steps:,} steps")
        report("  step alone", [seconds(timeline.step, k, Depth.TERM) for k in ks])
        report("  seek", [seconds(seek, timeline, tape, k) for k in ks])
        maps: list[float] = []
        for extent in timeline.tensors:
            node = network.by_name.get(extent.layer)
            if node is None or not isinstance(node.layer, Conv2d) or extent.phase is Phase.UPDATE:
                continue
            target = timeline.nest(extent.first).target
            ks = [chosen.randrange(extent.start, extent.stop) for _ in range(9)]
            times = [
                seconds(array_at, timeline, tape, k, target, displayed(timeline, k)) for k in ks
            ]
            report(f"    {target.name}", times)
            maps += times
        report("  partial map of a convolution", maps)


def search(network: Network, tape: Tape) -> None:
    """Terms a second: where bounds rule all out, and where nearly all must be looked at."""
    address = Address("conv2_2", "weight", "grad")
    for order in LoopOrder:
        timeline = Timeline(operations(network, 1, tape.optimizer), order)
        seeker = Seeker(timeline, tape, forward=True)
        number = timeline.computed_by(address) or 0
        start, stop = timeline.starts[number : number + 2]
        for condition in ("abs(term) > 30", "abs(term) > 17", "term > 12 and i == 1"):
            mark = Breakpoint(address=address, condition=condition)
            begin = time.perf_counter()
            hit = seeker.nearest(mark, 0)
            taken = time.perf_counter() - begin
            passed = (hit.k if hit else stop) - start
            rate = passed / taken / 1e9
            print(
                f"  {mark}, by {order.value}: {passed:,} terms in {taken:.3f} s, {rate:.2f} 10⁹/s"
            )


def main() -> None:
    """LeNet really recorded, VGG16 with random arrays."""
    network = lenet()
    image = np.random.default_rng(0).standard_normal((1, 1, 28, 28), np.float32)
    benchmark(network, record(network, initialize(network), image, 3, OPTIMIZER), 2000)
    network = vgg16()
    tape = random_tape(network)
    benchmark(network, tape, 2000)
    search(network, tape)


if __name__ == "__main__":
    main()
