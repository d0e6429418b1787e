"""Loads and then uses mutated files of one kind; prints how each of them ended.

    python -m tests.hardening.mutation_child KIND FIRST_SEED COUNT FOLDER

Each line on stdout is `seed<TAB>fine|worded|unworded|hang<TAB>what was said`; the last one holds
the largest memory in MB. A mutation has `SECONDS`, the whole process an address space of 4 GB.
"""

from __future__ import annotations

import io
import json
import os
import random
import resource
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

from backpropviz.assets import resource as bundled
from backpropviz.debugger.commands import Over
from backpropviz.engine.model import Model
from backpropviz.engine.record import Settings, read_target, run
from backpropviz.engine.tape import Tape
from backpropviz.engine.training.samples import Augmentation
from backpropviz.engine.training.trainer import Trainer
from backpropviz.errors import UserError
from backpropviz.files.data.load import shipped_dataset
from backpropviz.files.fit import prepare
from backpropviz.files.network_json import write_network
from backpropviz.files.networks import load_network, save_model
from backpropviz.files.pictures import open_picture
from backpropviz.files.run import load_run, save_run
from backpropviz.lessons.lesson import LessonPass
from backpropviz.lessons.progress import problems
from backpropviz.lessons.reading import bundled_lesson_names, lesson_text, read_lesson
from backpropviz.ui.kept_work import opened_session, save_opened, saved_in
from backpropviz.ui.opened import record, subject_for
from backpropviz.ui.requests import OpenRequest
from tests.hardening.mutations import (
    mutated_archive,
    mutated_bytes,
    mutated_json,
    mutated_toml,
)

SECONDS = 30
_ADDRESS_SPACE = 4 * 1024**3
_MOST_USED = 3_000_000
"""A network that computes more values than this is loaded, but not run: it may be large."""


class HungError(BaseException):
    """A mutation took longer than any honest refusal could."""


def pictures(folder: Path) -> list[bytes]:
    """One of each format, gray and color."""
    from PIL import Image

    found = []
    pixels = np.random.default_rng(0).integers(0, 255, (24, 20, 3), dtype=np.uint8)
    for form in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"):
        for mode in ("RGB", "L"):
            buffer = io.BytesIO()
            Image.fromarray(pixels).convert(mode).save(buffer, form)
            found.append(buffer.getvalue())
    return found


def varied_network() -> dict[str, Any]:
    """A small network of many kinds of layers."""
    return {
        "format": "backpropviz-network",
        "version": 1,
        "input": [1, 8, 8],
        "layers": [
            {"name": "conv1", "kind": "conv2d", "out_channels": 2, "kernel_size": 3, "padding": 1},
            {"name": "bn1", "kind": "batch_norm2d"},
            {"name": "act1", "kind": "prelu"},
            {"name": "pool1", "kind": "max_pool2d", "kernel_size": 2},
            {
                "name": "a",
                "kind": "conv2d",
                "out_channels": 2,
                "kernel_size": 1,
                "inputs": ["pool1"],
            },
            {"name": "join", "kind": "add", "inputs": ["a", "pool1"]},
            {"name": "gelu1", "kind": "gelu"},
            {"name": "avg", "kind": "adaptive_avg_pool2d", "output_size": 2},
            {"name": "flatten", "kind": "flatten"},
            {"name": "drop", "kind": "dropout", "p": 0.25},
            {"name": "dense1", "kind": "dense", "out_features": 3},
        ],
        "loss": {"kind": "cross_entropy", "label_smoothing": 0.1},
        "optimizer": {"kind": "adam", "learning_rate": 0.01},
        "classes": ["a", "b", "c"],
        "preprocessing": {"mean": [0.5], "std": [0.25]},
        "initialize": {"method": "he", "distribution": "normal", "seed": 3},
        "example": {"image": [[k * j % 3 for k in range(8)] for j in range(8)], "target": "b"},
    }


def networks(folder: Path) -> list[bytes]:
    """Those that ship as JSON, one of many kinds, and one with numbers."""
    names = ("tiny-max", "tiny-avg", "tiny-dense", "tiny-overlap")
    found = [bundled("networks", f"{name}.json").read_bytes() for name in names]
    varied = json.dumps(varied_network()).encode()
    (folder / "varied.json").write_bytes(varied)
    write_network(folder / "numbers.json", load_network(folder / "varied.json"))
    return [*found, varied, (folder / "numbers.json").read_bytes()]


def models(folder: Path) -> list[bytes]:
    """A small model, and LeNet."""
    networks(folder)
    save_model(folder / "model.bpv", load_network(folder / "varied.json"))
    small = (folder / "model.bpv").read_bytes()
    return [small, small, small, bundled("networks", "lenet.bpv").read_bytes()]


def sessions(folder: Path) -> list[bytes]:
    """The 3×3 example and the small network, each somewhere in its pass, with marks."""
    from backpropviz.debugger.breakpoints import Breakpoint
    from backpropviz.debugger.commands import AddWatch, ToggleBreakpoint
    from backpropviz.engine.value import parse

    networks(folder)
    found = []
    for name in ("tiny-max", str(folder / "varied.json")):
        opened = record(subject_for(OpenRequest(network=name), None))
        for command in (
            Over(),
            AddWatch(parse("conv1.weight.grad[0,0,0,1]")),
            ToggleBreakpoint(Breakpoint(layer="conv1", condition="term > 1")),
        ):
            opened = opened.after(command)
        save_opened(folder / "session.bpv", opened)
        found.append((folder / "session.bpv").read_bytes())
    return found


def runs(folder: Path) -> list[bytes]:
    """Some updates of a small network, on data that ships and on its own."""
    from tests.engine.training.runs import run_of
    from tests.storage.test_run_file import trained

    found = []
    for augmentation in (None, Augmentation(flip=True, shift_px=1.0, noise=0.1)):
        saved = trained(run_of(augmentation=augmentation), 6)
        save_run(folder / "run.bpv", saved, shipped_dataset)
        found.append((folder / "run.bpv").read_bytes())
    return found


def lessons(folder: Path) -> list[bytes]:
    """Those that ship."""
    return [lesson_text(name).text.encode() for name in bundled_lesson_names()]


def use_picture(path: Path) -> None:
    """Bring it to two networks' inputs."""
    picture = open_picture(str(path))
    for model in (_bundled_model("lenet"), _bundled_model("tinyvgg")):
        prepare(picture, model.preprocessing)


def use_network(path: Path) -> None:
    """Record a pass, and write it again."""
    model = load_network(path)
    shapes = model.network.shapes.values()
    if sum(int(np.prod(shape)) for shape in shapes) > _MOST_USED:
        return
    with np.errstate(all="ignore"):
        if model.example is not None:
            run(model)
        else:
            image = np.zeros((1, *model.network.input_shape), np.float32)
            run(model, image, Settings(target=read_target("0", model), float_bits=64))
    write_network(path.with_suffix(".again.json"), model)


def use_session(path: Path) -> None:
    """Open it, take steps, and save it."""
    found = saved_in(str(path))
    if found is None:
        use_network(path)
        return
    opened = opened_session(found, str(path), "")
    for _ in range(5):
        if not opened.refusal(Over()):
            opened = opened.after(Over())
    save_opened(path.with_suffix(".again.bpv"), opened)


def use_run(path: Path) -> None:
    """Go on for two updates, validate, and save it."""
    saved = load_run(path, shipped_dataset)
    trainer = Trainer(saved.run, saved.now)
    with np.errstate(all="ignore"):
        for _ in range(2):
            trainer.advance()
        if saved.run.dataset.validation is not None:
            trainer.validate()
    list(saved.history.csv_rows())
    for iteration in saved.checkpoints.iterations:
        saved.checkpoints.nearest(iteration)
    save_run(path.with_suffix(".again.bpv"), replace(saved, now=trainer.now), shipped_dataset)


def use_lesson(path: Path) -> None:
    """Read it and try its questions and checks on its passes."""
    found = lesson_text(str(path))
    problems(read_lesson(found.text, found.file), _recorded)


@cache
def _bundled_model(name: str) -> Model:
    return load_network(name)


@cache
def _recorded(on: LessonPass) -> Tape:
    subject = subject_for(OpenRequest(on.network, on.image or "", on.target or ""), None)
    settings = replace(subject.settings, reduction=on.reduction, optimizer=on.optimizer)
    return replace(subject, settings=settings).record()


def _text(mutated: Callable[[str, random.Random], str]) -> Callable[[bytes, random.Random], bytes]:
    return lambda content, dice: mutated(content.decode(), dice).encode(errors="replace")


KINDS: Mapping[str, tuple[Callable[..., Any], Callable[..., Any], Callable[..., None], str]] = {
    "image": (pictures, mutated_bytes, use_picture, ".png"),
    "network": (networks, _text(mutated_json), use_network, ".json"),
    "model": (models, mutated_archive, use_network, ".bpv"),
    "session": (sessions, mutated_archive, use_session, ".bpv"),
    "run": (runs, mutated_archive, use_run, ".bpv"),
    "lesson": (lessons, _text(mutated_toml), use_lesson, ".toml"),
}


def ended(use: Callable[[Path], None], path: Path) -> tuple[str, str]:
    """How the use of a file ended, and what was said."""
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        use(path)
    except UserError as error:
        sentence = str(error)
        is_sentence = sentence.endswith((".", "…", ".)")) and len(sentence) < 12_000
        return "worded" if is_sentence else "unworded", sentence[:2000]
    except HungError:
        return "hang", traceback.format_exc()[-2000:]
    except BaseException:  # noqa: BLE001  (whatever it is, nobody has worded it)
        return "unworded", traceback.format_exc()[-2000:]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return "fine", ""


def main() -> None:
    """Read the words, and mutate."""
    kind, first, count, place = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    folder = Path(place)
    bases, mutate, use, suffix = KINDS[kind]
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE, _ADDRESS_SPACE))

    def hang(_number: int, _frame: FrameType | None) -> None:
        raise HungError

    signal.signal(signal.SIGALRM, hang)
    warnings.simplefilter("ignore", RuntimeWarning)
    found = bases(folder)
    path = folder / f"mutated{suffix}"
    for seed in range(first, first + count):
        dice = random.Random(f"{kind} {seed}")
        path.write_bytes(mutate(dice.choice(found), dice))
        how, said = ended(use, path)
        print(seed, how, said.replace("\n", "\\n"), sep="\t", flush=True)
    print("memory", peak_megabytes(), sep="\t")


def peak_megabytes() -> int:
    """The most memory of this process; `ru_maxrss` would begin with that of its parent."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) // 1024


if __name__ == "__main__":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    main()
