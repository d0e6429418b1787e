"""The bundled sets: complete, split by class, the same each time, as each network takes them."""

from __future__ import annotations

import numpy as np
import pytest

from backpropviz.engine.architecture.presets import preset
from backpropviz.engine.model import Preprocessing
from backpropviz.engine.training.samples import Samples
from backpropviz.files.data.catalog import class_counts, mean_and_deviation
from backpropviz.files.data.load import (
    BORDER,
    CROPS_OF_EACH,
    Choices,
    NetworkMismatchError,
    fitting_presets,
    load_dataset,
    read_dataset,
)
from backpropviz.files.fit import prepare
from backpropviz.files.pictures import PHOTOS, digit_set, open_picture

MNIST = Preprocessing(1, 28, 28)


def held_out(samples: Samples | None) -> Samples:
    """The validation part, which is there."""
    assert samples is not None
    return samples


def test_mnist_is_split_1600_to_400_with_each_class_in_its_share() -> None:
    data = load_dataset("mnist", preset("lenet", (1, 28, 28), 10), MNIST)
    assert class_counts(data.training, 10) == (160,) * 10
    assert class_counts(data.validation, 10) == (40,) * 10
    assert (data.title, data.source, data.class_names) == (
        "MNIST, 2,000 handwritten digits",
        "mnist",
        tuple("0123456789"),
    )
    assert data.skipped == ()


def test_each_sample_is_the_picture_its_name_opens() -> None:
    data = load_dataset("mnist", None, MNIST)
    both = (data.training, held_out(data.validation))
    assert sorted(name for part in both for name in part.names) == sorted(
        f"mnist:{number}" for number in range(2000)
    )
    for part in both:
        name = part.names[7]
        assert np.array_equal(part.images[7], prepare(open_picture(name), MNIST).array[0])
        assert part.targets[7] == digit_set("mnist").labels[int(name.split(":")[1])]
        assert part.images.dtype == np.float32
        assert part.targets.dtype == np.int64


def test_the_same_seed_splits_alike_and_another_does_not() -> None:
    first, same, other = (load_dataset("mnist", None, MNIST, seed=seed) for seed in (0, 0, 1))
    assert first.training.names == same.training.names
    assert first.training.names != other.training.names


def test_digits_are_brought_to_the_input_in_words() -> None:
    reading = read_dataset("digits", None, MNIST, Choices(limit=100))
    assert len(reading.dataset.training) + len(held_out(reading.dataset.validation)) == 100
    assert "resized 8×8 → 28×28 (box)" in reading.steps
    assert "100 of 1,797 images, each class in its share" in reading.steps


def test_photo_crops_share_no_pixel_between_training_and_validation() -> None:
    data = load_dataset("photos", None, Preprocessing(3, 8, 8), held_out=0.2)
    assert class_counts(data.training, 5) == (CROPS_OF_EACH * 4 // 5,) * 5
    assert class_counts(data.validation, 5) == (CROPS_OF_EACH // 5,) * 5
    assert data.class_names == PHOTOS

    def lefts(samples: Samples) -> list[int]:
        return [int(name.split(" at ")[1].split(",")[0]) for name in samples.names]

    assert max(lefts(data.training)) <= BORDER - 64
    assert min(lefts(held_out(data.validation))) >= BORDER


def test_nothing_is_held_out_where_nobody_wants_it() -> None:
    reading = read_dataset("mnist", None, MNIST, Choices(held_out=0, limit=50))
    assert reading.dataset.validation is None
    assert reading.steps[-1] == "50 to train on, none held out"


def test_a_network_with_too_few_outputs_is_told_which_preset_fits() -> None:
    with pytest.raises(NetworkMismatchError, match="10 classes, but “mlp” has 4 outputs") as told:
        load_dataset("mnist", preset("mlp", (1, 28, 28), 4), MNIST)
    assert told.value.classes == 10
    assert told.value.presets == fitting_presets((1, 28, 28), 10)
    assert "lenet" in told.value.presets


def test_a_preset_that_cannot_be_built_is_not_offered() -> None:
    assert fitting_presets((3, 2, 2), 4) == ("tinyvgg", "resnet-tiny", "mlp")


def test_a_way_to_another_input_is_refused() -> None:
    with pytest.raises(ValueError, match="takes 1×28×28, but its pictures are brought to 1×8×8"):
        load_dataset("mnist", preset("mlp", (1, 28, 28), 10), Preprocessing(1, 8, 8))


def test_outputs_without_samples_are_named_and_told() -> None:
    reading = read_dataset("photos", preset("mlp", (3, 8, 8), 7), Preprocessing(3, 8, 8))
    assert reading.dataset.class_names == (*PHOTOS, "5", "6")
    assert "5 classes for 7 outputs: the others have no samples" in reading.steps


def test_normalization_is_measured_on_the_training_images_alone() -> None:
    plain = load_dataset("mnist", None, MNIST)
    reading = read_dataset("mnist", None, MNIST, Choices(normalize=True))
    data, (mean, std) = reading.dataset, mean_and_deviation(plain.training.images)
    assert data.preprocessing.mean == tuple(mean)
    assert data.preprocessing.std == tuple(std)
    new_mean, new_std = mean_and_deviation(data.training.images)
    assert new_mean[0] == pytest.approx(0, abs=1e-6)
    assert new_std[0] == pytest.approx(1, abs=1e-6)
    assert np.allclose(
        held_out(data.validation).images,
        (held_out(plain.validation).images - mean[0]) / std[0],
        atol=1e-6,
    )
    assert reading.steps[-1] == (
        "normalized (x − 0.1307) / 0.3079, as measured on the training images"
    )


def test_statistics_are_each_channel_s_own() -> None:
    images = np.random.default_rng(0).normal((1, 2, 5), (1, 3, 0.5), (700, 6, 4, 3))
    planes = np.moveaxis(images, 3, 1).astype(np.float32)
    mean, std = mean_and_deviation(planes)
    assert mean == pytest.approx(planes.mean((0, 2, 3), dtype=np.float64))
    assert std == pytest.approx(planes.std((0, 2, 3), dtype=np.float64))
