"""Train a small VGG to tell from which of the five bundled photos a crop is.

Crops from the left two thirds of each photo are trained on, crops from the right third are only
measured on; no pixel belongs to both.

Run in the folder `packaging`: python -m networks.train_tinyvgg
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from backpropviz.engine.initialize import initialize
from backpropviz.engine.kinds.activation import ReLU
from backpropviz.engine.kinds.convolution import Conv2d
from backpropviz.engine.kinds.cross_entropy import CrossEntropy
from backpropviz.engine.kinds.dense import Dense
from backpropviz.engine.kinds.pooling import MaxPool2d
from backpropviz.engine.kinds.protocol import Layer
from backpropviz.engine.kinds.shape import Flatten
from backpropviz.engine.model import Example, Model, Preprocessing
from backpropviz.engine.network import Network, chain
from backpropviz.engine.optimizers import Adam, Sgd
from backpropviz.engine.training.samples import Batches
from backpropviz.engine.training.update import accuracy
from backpropviz.engine.value import Array
from backpropviz.files.data.load import LEFT, RIGHT, photo_part, random_crop
from backpropviz.files.fit import prepare
from backpropviz.files.networks import save_model
from backpropviz.files.pictures import PHOTOS, bundled_picture
from networks.course import Course, run

RESOURCES = Path(__file__).resolve().parents[2] / "resources" / "networks"
PREPROCESSING = Preprocessing(3, 64, 64)
SHAPE = (3, 64, 64)
EXAMPLE = "chelsea"


def tinyvgg() -> Network:
    """Blocks of 3×3 convolutions, each halved by pooling (after Simonyan and Zisserman, 2014)."""
    layers: dict[str, Layer] = {}
    for number, channels in enumerate((8, 8, 16, 16, 24, 24), start=1):
        layers[f"conv{number}"] = Conv2d(channels, 3, padding=1)
        layers[f"relu{number}"] = ReLU()
        if number in {2, 4, 5, 6}:
            layers[f"pool{sum(name.startswith('pool') for name in layers) + 1}"] = MaxPool2d(2)
    layers["flatten"] = Flatten()
    layers["dense1"] = Dense(64)
    layers["relu7"] = ReLU()
    layers["dense2"] = Dense(len(PHOTOS))
    return chain("tinyvgg", SHAPE, layers, CrossEntropy())


def crops(columns: slice, count: int, random: np.random.Generator) -> tuple[Array, Array]:
    """So many crops of each photo from these columns, fitted to the network, and their classes."""
    images = np.empty((count * len(PHOTOS), *SHAPE), dtype=np.float32)
    labels = np.repeat(np.arange(len(PHOTOS)), count)
    parts = [photo_part(photo, columns) for photo in PHOTOS]
    for number, label in enumerate(labels):
        images[number] = prepare(random_crop(parts[label], random), PREPROCESSING).array[0]
    return images, labels


def flipped_and_lit(images: Array, random: np.random.Generator) -> Array:
    """Half of the images mirrored, each brighter or darker; a gray photo stays gray."""
    mirrored = random.random(len(images)) < 0.5
    images = np.where(mirrored[:, None, None, None], images[..., ::-1], images)
    light = random.uniform(0.6, 1.4, (len(images), 1, 1, 1))
    return np.clip(images * light, 0, 1).astype(np.float32)


def main() -> None:
    """Read the options, train, measure on the held-out crops, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=14)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path, default=RESOURCES / "tinyvgg.bpv")
    options = parser.parse_args()
    random = np.random.default_rng(options.seed)
    network = tinyvgg()
    batches = Batches(*crops(LEFT, 400, random), 32, options.seed, flipped_and_lit)
    start = initialize(network, seed=options.seed)
    parameters = run(network, start, batches, Course(options.epochs, 0.002, Adam))
    held_out = crops(RIGHT, 200, random)
    right = accuracy(network, parameters, *held_out)
    whole = prepare(bundled_picture("photo", EXAMPLE), PREPROCESSING).array
    model = Model(
        title="Small VGG: which photo is it?",
        network=network,
        parameters=parameters,
        preprocessing=PREPROCESSING,
        class_names=PHOTOS,
        optimizer=Sgd(0.01),
        example=Example(f"photo:{EXAMPLE}", whole, PHOTOS.index(EXAMPLE)),
        remark=(
            "Trained on crops from the left two thirds of the five bundled photos; tells the photo "
            f"for {100 * right:.1f} % of {len(held_out[1]):,} crops from the right third, unseen "
            "until then. It knows these five photos and nothing else."
        ),
    )
    save_model(options.output, model)
    print(f"{options.output}: {options.output.stat().st_size:,} bytes. {model.remark}")


if __name__ == "__main__":
    main()
