"""From an untrained network on digits to a file that ships."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

from backpropviz.engine.initialize import initialize
from backpropviz.engine.model import Example, Model, Preprocessing
from backpropviz.engine.network import Network
from backpropviz.engine.optimizers import Optimizer, Sgd
from backpropviz.engine.training.samples import Batches, Warp
from backpropviz.engine.training.update import predict
from backpropviz.files.networks import save_model
from networks.course import Course, run
from networks.digits import shipped, unshipped

WARP = Warp(rotation_deg=12, scale=0.12, shift_px=2)
BATCH_SIZE = 64
RESOURCES = Path(__file__).resolve().parents[2] / "resources" / "networks"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A network to train, its title, the shipped digit that it is shown with, and the seed."""

    network: Network
    title: str
    example: int
    seed: int = 1


def nesterov(learning_rate: float) -> Optimizer:
    """SGD with Nesterov's momentum and weight decay."""
    return Sgd(learning_rate, momentum=0.9, nesterov=True, weight_decay=5e-4)


def main(candidate: Candidate, course: Course, description: str | None) -> None:
    """Read the options, train, measure on the shipped digits and save."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--epochs", type=int, default=course.epochs)
    parser.add_argument("--seed", type=int, default=candidate.seed)
    name = f"{candidate.network.name}.bpv"
    parser.add_argument("-o", "--output", type=Path, default=RESOURCES / name)
    options = parser.parse_args()
    course = replace(course, epochs=options.epochs)
    model = _trained(candidate, course, options.seed)
    save_model(options.output, model)
    print(f"{options.output}: {options.output.stat().st_size:,} bytes. {model.remark}")


def _trained(candidate: Candidate, course: Course, seed: int) -> Model:
    network, digits, unseen = candidate.network, unshipped(), shipped()
    batches = Batches(digits.images, digits.labels, BATCH_SIZE, seed, WARP)
    parameters = run(network, initialize(network, seed=seed), batches, course)
    guesses = predict(network, parameters, unseen.images).argmax(axis=1)
    right = float((guesses == unseen.labels).mean())
    number = candidate.example
    label = int(unseen.labels[number])
    return Model(
        title=candidate.title,
        network=network,
        parameters=parameters,
        preprocessing=Preprocessing(1, 28, 28, fit="pad", invert="auto"),
        class_names=tuple("0123456789"),
        optimizer=Sgd(0.01),
        example=Example(f"mnist:{number}", unseen.images[number : number + 1], label),
        remark=(
            f"Trained on {len(digits.images):,} digits, each shifted, turned and scaled a little; "
            f"reads {100 * right:.1f} % of the {len(unseen.images):,} that ship, unseen till then. "
            f"Its example is a {label}, which it reads as a {guesses[number]}."
        ),
    )
