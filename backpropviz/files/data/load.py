"""A data set by its source: read, brought to a network's input, split."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np

from backpropviz.engine.architecture.presets import PRESETS, preset
from backpropviz.engine.model import Model, Preprocessing
from backpropviz.engine.network import Network
from backpropviz.engine.training.samples import Dataset, Samples, Skipped
from backpropviz.engine.value import Array, Shape, shape_text
from backpropviz.errors import UserError
from backpropviz.files.data.arrays import npz_catalog
from backpropviz.files.data.catalog import (
    LARGEST_BYTES,
    Cancelled,
    Catalog,
    ClassMapping,
    Progress,
    ReadingWatch,
    Wanted,
    class_counts,
    class_mapping,
    classes_of,
    held_out_mask,
    listed_names,
    mean_and_deviation,
    stratified,
    wanted_by,
)
from backpropviz.files.data.folder import SUFFIXES, folder_catalog
from backpropviz.files.data.idx import idx_catalog, idx_folder, is_idx
from backpropviz.files.fit import prepare
from backpropviz.files.pictures import (
    PHOTOS,
    Picture,
    Pixels,
    bundled_picture,
    digit_set,
    picture_from_array,
)
from backpropviz.frozen import Setting, frozen, setting
from backpropviz.named_file import kind_at, named_path


@frozen(eq=False)
class Fitted:
    """Images (N,C,H,W) float32, their numbers in the catalog, what was done and what failed."""

    images: Array
    numbers: Array
    steps: tuple[str, ...]
    skipped: tuple[Skipped, ...]


def fitted(catalog: Catalog, chosen: Array, wanted: Preprocessing, watch: ReadingWatch) -> Fitted:
    """The chosen pictures, prepared; one that cannot be used is listed and passed over."""
    size = len(chosen) * wanted.channels * wanted.height * wanted.width * 4
    if size > LARGEST_BYTES:
        raise UserError(
            f"{len(chosen):,} images of {wanted.width}×{wanted.height} need more than "
            f"{LARGEST_BYTES // 1024**3} GB: set a limit on how many are read."
        )
    images = np.empty((len(chosen), wanted.channels, wanted.height, wanted.width), dtype=np.float32)
    numbers: list[int] = []
    skipped: list[Skipped] = []
    told = Counter[str]()
    for place, number in enumerate(chosen.tolist()):
        watch.tell(place, len(chosen))
        try:
            prepared = prepare(catalog.picture(number), wanted)
        except UserError as error:
            name = catalog.names[number]  # the list names the file, so its reason need not
            skipped.append(Skipped(name, str(error).removeprefix(f"{name} ")))
            continue
        images[len(numbers)] = prepared.array[0]
        numbers.append(number)
        told.update(prepared.steps)
    watch.tell(len(chosen), len(chosen))
    if not numbers:
        first = f" The first: {skipped[0].name} {skipped[0].reason}" if skipped else ""
        raise UserError(
            f"{catalog.title} holds no picture that can be used ({len(skipped)} failed).{first}"
        )
    words = _in_words(told, len(numbers))
    return Fitted(images[: len(numbers)], np.array(numbers), words, tuple(skipped))


def _in_words(told: Counter[str], count: int) -> tuple[str, ...]:
    """One line for each kind of change, in the order first met.

    Changes that differ in their numbers only, as with pictures of many sizes, share a line.
    """
    kinds: dict[str, list[str]] = {}
    for step in told:
        kinds.setdefault(re.split(r"[:0-9]", step, maxsplit=1)[0].rstrip(" (−"), []).append(step)
    lines = []
    for kind, steps in kinds.items():
        times = sum(told[step] for step in steps)
        words = steps[0] if len(steps) == 1 else f"{kind} in {len(steps):,} different ways"
        lines.append(words if times >= count else f"{words}: {times:,} of {count:,} images")
    return tuple(lines)


class NetworkMismatchError(UserError):
    """Data that the network cannot learn; `classes` were found, which these `presets` could."""

    def __init__(self, sentence: str, classes: int, presets: tuple[str, ...]) -> None:
        super().__init__(sentence)
        self.classes, self.presets = classes, presets


def fitting_presets(input_shape: Shape, classes: int) -> tuple[str, ...]:
    """The names of the presets that can be built for such images and so many classes."""

    def fits(name: str) -> bool:
        try:
            preset(name, input_shape, classes)
        except UserError:
            return False
        return True

    return tuple(name for name in PRESETS if fits(name))


def _check_input(network: Network | None, preprocessing: Preprocessing) -> None:
    """Refuse a way to the input that does not end at this network's."""
    shape = (preprocessing.channels, preprocessing.height, preprocessing.width)
    if network is not None and network.input_shape != shape:
        raise UserError(
            f"“{network.name}” takes {shape_text(network.input_shape)}, but its pictures are "
            f"brought to {shape_text(shape)}: choose the way to the input anew."
        )


def _check_labels(
    labels: Array, class_names: tuple[str, ...], network: Network | None, wanted: Preprocessing
) -> None:
    """Refuse labels that the network cannot tell."""
    if network is None:
        return
    needs = wanted_by(network, wanted)
    outputs = needs.outputs or 0
    is_one_for_two = outputs == 1 and len(class_names) == 2 and not needs.is_classifier
    if len(class_names) > outputs and not is_one_for_two:
        shape = (wanted.channels, wanted.height, wanted.width)
        presets = fitting_presets(shape, len(class_names))
        raise NetworkMismatchError(
            f"The data have {len(class_names)} classes, but “{network.name}” has {outputs} "
            f"{'output' if outputs == 1 else 'outputs'}: choose a network for "
            f"{len(class_names)} classes.",
            len(class_names),
            presets,
        )
    if not class_names and labels.shape[1] != outputs:
        raise NetworkMismatchError(
            f"The data want {labels.shape[1]} numbers for each image, but “{network.name}” "
            f"puts out {outputs}: choose a network with {labels.shape[1]} outputs.",
            labels.shape[1],
            (),
        )


def _targets_for(labels: Array, network: Network | None) -> tuple[Array, tuple[str, ...]]:
    """Targets as the loss takes them, and in words what was done to classes for it.

    Cross-entropy takes the class; another loss a 1 for the class's output and a 0 for the others,
    or the class itself where two classes share one output.
    """
    if network is None:
        return labels, ()
    needs = wanted_by(network, Preprocessing(1, 1, 1))
    if labels.ndim > 1 or needs.is_classifier:
        return labels, ()
    outputs = needs.outputs or 1
    if outputs == 1:
        return labels[:, None].astype(np.float64), ("the target is the class, 0 or 1",)
    return np.eye(outputs)[labels], ("the target is 1 for the class's output, 0 for the others",)


DIGIT_TITLES: Mapping[str, str] = MappingProxyType(
    {"mnist": "MNIST, 2,000 handwritten digits", "digits": "Handwritten digits of 8×8 pixels"}
)


def _digits_catalog(name: str) -> Catalog:
    labels = digit_set(name).labels.astype(np.int64)
    return Catalog(
        title=DIGIT_TITLES[name],
        source=name,
        names=tuple(f"{name}:{number}" for number in range(len(labels))),
        labels=labels,
        class_names=tuple("0123456789"),
        picture=lambda number: bundled_picture(name, str(number)),
    )


BORDER = 208
"""The column at which a photo of 320 is divided."""
LEFT, RIGHT = slice(0, BORDER), slice(BORDER, None)
SMALLEST_CROP = 64
CROPS_OF_EACH = 250
_REMARK = (
    "squares cut at random from the left two thirds of each photo, those for validation from the "
    "right third"
)


@frozen
class _Place:
    top: int
    left: int
    size: int


def random_crop(part: Pixels, random: np.random.Generator, source: str = "crop") -> Picture:
    """A square of 64 pixels or more, anywhere in a picture (H, W, C)."""
    return _cut(part, _place(part, random), source)


def photo_part(photo: str, columns: slice) -> Pixels:
    """Some columns of a bundled photo."""
    return bundled_picture("photo", photo).pixels[:, columns]


def _photos_catalog(seed: int, held_out: float) -> Catalog:
    """So many seeded crops of each photo, of which `held_out` is the share from the right third."""
    random = np.random.default_rng(seed)
    kept_apart = round(CROPS_OF_EACH * held_out)
    mask = np.zeros((len(PHOTOS), CROPS_OF_EACH), dtype=bool)
    mask[:, CROPS_OF_EACH - kept_apart :] = True
    is_held_out = mask.reshape(-1)
    labels = np.repeat(np.arange(len(PHOTOS), dtype=np.int64), CROPS_OF_EACH)
    parts = [(photo_part(photo, LEFT), photo_part(photo, RIGHT)) for photo in PHOTOS]
    sides = is_held_out.astype(int).tolist()
    classes = labels.tolist()
    places = [
        _place(parts[label][side], random) for label, side in zip(classes, sides, strict=True)
    ]
    names = tuple(
        f"photo:{PHOTOS[label]} at {place.left + side * BORDER},{place.top}"
        for label, side, place in zip(classes, sides, places, strict=True)
    )

    def picture(number: int) -> Picture:
        return _cut(parts[classes[number]][sides[number]], places[number], names[number])

    return Catalog(
        title="Crops of the five bundled photos",
        source="photos",
        names=names,
        labels=labels,
        class_names=PHOTOS,
        picture=picture,
        held_out=is_held_out if kept_apart else None,
        remarks=(_REMARK,),
    )


def _place(part: Pixels, random: np.random.Generator) -> _Place:
    height, width = part.shape[:2]
    size = int(random.integers(SMALLEST_CROP, min(height, width) + 1))
    top, left = (int(random.integers(0, side - size + 1)) for side in (height, width))
    return _Place(top, left, size)


def _cut(part: Pixels, place: _Place, source: str) -> Picture:
    rows = part[place.top : place.top + place.size]
    return picture_from_array(
        np.ascontiguousarray(rows[:, place.left : place.left + place.size]), source
    )


PHOTO_CROPS = "photos"
BUNDLED = (*DIGIT_TITLES, PHOTO_CROPS)
_KINDS = f"{', '.join(BUNDLED)}, a folder of pictures by class, IDX files or an .npz file"


def catalog_of(
    source: str | Path, wanted: Wanted, seed: int, held_out: float, watch: ReadingWatch
) -> Catalog:
    """What a source holds, before any picture is decoded."""
    if isinstance(source, str) and source in DIGIT_TITLES:
        return _digits_catalog(source)
    if source == PHOTO_CROPS:
        return _photos_catalog(seed, held_out)
    return _own_catalog(str(source), wanted, watch)


def _own_catalog(source: str, wanted: Wanted, watch: ReadingWatch) -> Catalog:
    if not source or "\0" in source:
        raise UserError(f"No data set is named: give {_KINDS}.")
    path = named_path(source)
    try:
        if path.is_dir():
            if idx_folder(path):
                return idx_catalog(source, path, wanted)
            return folder_catalog(source, path, watch)
        if not path.exists():
            raise UserError(f"There is no data set “{source}”: give {_KINDS}.")
        if not path.is_file():
            raise UserError(f"{path.name} is no regular file: give {_KINDS}.")
        return _file_catalog(source, path, wanted)
    except OSError as error:
        reason = error.strerror or "the system refused"
        raise UserError(f"{path.name} cannot be read ({reason}): check it.") from error


def _file_catalog(source: str, path: Path, wanted: Wanted) -> Catalog:
    suffix = path.suffix.casefold()
    if suffix == ".npz":
        return npz_catalog(source, path, wanted)
    if is_idx(path) or "idx" in path.name.casefold():
        return idx_catalog(source, path, wanted)
    if suffix in SUFFIXES:
        raise UserError(
            f"{path.name} is a single picture: open it and train on one image, or give the folder "
            "that holds a folder for each class."
        )
    if suffix in (".zip", ".tar", ".tgz", ".gz", ".7z", ".rar"):
        raise UserError(f"{path.name} is packed: unpack it and give the folder.")
    kind = kind_at(path)
    if kind is not None:
        raise UserError(f"{path.name} is {kind.title}, no data set: give {_KINDS}.")
    raise UserError(f"{path.name} is no data set that can be read: give {_KINDS}.")


HELD_OUT, SPLIT_SEED = 0.2, 0
"""What is held out where nobody says otherwise: of `mnist`, 400 of 2,000."""
_SMALLEST_STD = 1e-6
_MOST_COUNTED = 20


@frozen
class Choices:
    """What a person chooses about a set: the share held out, its seed, a limit, normalization.

    `limit`: read so many pictures at most, each class in its share. `normalize`: shift and scale
    each channel so that the training images have mean 0 and standard deviation 1.
    """

    held_out: float = setting(
        Setting(
            "Held out, %",
            "For validation, of every class; unused where the set has a validation part.",
            unit="%",
        ),
        default=HELD_OUT,
    )
    seed: int = setting(
        Setting("Seed of the split", "The same seed holds the same samples out.", 0),
        default=SPLIT_SEED,
    )
    limit: int | None = setting(
        Setting(
            "Images at most",
            "Limit the number of images (stratified by class).",
            0,
            options={None: "all"},
        ),
        default=None,
    )
    normalize: bool = setting(
        Setting(
            "Normalize",
            "Give each channel mean 0 and standard deviation 1 over the training images.",
        ),
        default=False,
    )


@frozen(eq=False)
class DataReading:
    """A data set and, in words and in order, how it was read, fitted, split and joined.

    `mapping` says which output each class of the data is; a network may have more outputs.
    """

    dataset: Dataset
    steps: tuple[str, ...]
    mapping: ClassMapping

    @property
    def classes(self) -> int:
        """How many classes the data have."""
        return len(self.mapping.classes)

    def lines(self) -> tuple[str, ...]:
        """All that was assumed, for a terminal: the set, each class with its samples, the steps."""
        data, classes = self.dataset, len(self.dataset.class_names)
        lines = [f"data: {data.title}"]
        if classes:
            trained = class_counts(data.training, classes)
            held = class_counts(data.validation, classes)
            counts = [
                f"{data.class_names[output]} ({trained[output]:,} + {held[output]:,})"
                for output in self.mapping.outputs
            ]
            told = listed_names(counts, "", _MOST_COUNTED)
            lines.append(f"  classes (samples to train on + held out): {told}")
        return (*lines, *(f"  {step}" for step in self.steps))

    def alone(self) -> Dataset:
        """The data set for a network that has an output for each of its classes and no more."""
        return replace(
            self.dataset,
            training=self._alone(self.dataset.training),
            validation=self.dataset.validation and self._alone(self.dataset.validation),
            class_names=self.mapping.classes,
        )

    def _alone(self, samples: Samples) -> Samples:
        return replace(samples, targets=self.mapping.unmapped(classes_of(samples.targets)))


DEFAULT_CHOICES = Choices()


def load_dataset(
    source: str | Path,
    network: Network | None,
    preprocessing: Preprocessing,
    *,
    held_out: float = HELD_OUT,
    seed: int = SPLIT_SEED,
    limit: int | None = None,
    progress: Progress | None = None,
    stop: Cancelled | None = None,
) -> Dataset:
    """The data set that a source names, for a network.

    `source` is `mnist`, `digits`, `photos`, a folder with a folder of pictures for each class, an
    IDX file or a folder of these, or an `.npz` file. Without a network nothing is compared with it.
    `held_out`, `seed`, `limit`: as in `Choices`; the same ones give the same data set.

    Raises:
        UserError: the source cannot be used; NetworkMismatchError where only the network does not
            fit; ReadingStoppedError where `stop` said so.
    """
    choices = Choices(held_out, seed, limit)
    read = read_dataset(source, network, preprocessing, choices, progress=progress, stop=stop)
    return read.dataset


def read_dataset(
    source: str | Path,
    network: Network | None,
    preprocessing: Preprocessing,
    choices: Choices = DEFAULT_CHOICES,
    *,
    class_names: tuple[str, ...] = (),
    progress: Progress | None = None,
    stop: Cancelled | None = None,
) -> DataReading:
    """As `load_dataset`, with all that was done in words.

    `class_names` are those of the network's outputs: classes of these names become these outputs.
    """
    watch = ReadingWatch(progress, stop)
    _check_input(network, preprocessing)
    if choices.normalize:
        preprocessing = replace(preprocessing, mean=(), std=())
    wanted = wanted_by(network, preprocessing)
    try:
        catalog = catalog_of(source, wanted, choices.seed, choices.held_out, watch)
        _check_labels(catalog.labels, catalog.class_names, network, preprocessing)
        chosen, limited = _limited(catalog, choices)
        found = fitted(catalog, chosen, preprocessing, watch)
    except MemoryError as error:
        raise UserError(
            f"{Path(source).name} needs more memory than is free: read fewer or smaller images."
        ) from error
    _check_variety(catalog, found)
    mapping = class_mapping(catalog.class_names, wanted, class_names)
    dataset, told = _split(catalog, found, mapping, network, preprocessing, choices)
    steps = (*catalog.remarks, *limited, *found.steps, *mapping.words, *told)
    reading = DataReading(dataset, steps, mapping)
    return _normalized(reading) if choices.normalize else reading


def _limited(catalog: Catalog, choices: Choices) -> tuple[Array, tuple[str, ...]]:
    count, limit = len(catalog.names), choices.limit
    if limit is not None and limit < 1:
        raise UserError(f"A limit of {limit} images leaves none: use 1 or more.")
    if limit is None or limit >= count:
        return np.arange(count), ()
    chosen = np.flatnonzero(stratified(catalog.labels, limit, choices.seed))
    return chosen, (f"{limit:,} of {count:,} images, each class in its share",)


def _check_variety(catalog: Catalog, found: Fitted) -> None:
    labels = catalog.labels[found.numbers]
    if labels.ndim > 1 or (labels != labels[0]).any():
        return
    name, failed = catalog.class_names[int(labels[0])], len(found.skipped)
    passed = f" ({failed} pictures could not be used)" if failed else ""
    raise UserError(
        f"{catalog.title} holds one class only, “{name}”{passed}: there is nothing to tell apart; "
        "add another class."
    )


def _split(
    catalog: Catalog,
    found: Fitted,
    mapping: ClassMapping,
    network: Network | None,
    preprocessing: Preprocessing,
    choices: Choices,
) -> tuple[Dataset, tuple[str, ...]]:
    labels = catalog.labels[found.numbers]
    targets, told = _targets_for(mapping.mapped(labels), network)
    names = tuple(catalog.names[number] for number in found.numbers.tolist())
    own = catalog.held_out
    if own is None:
        apart = held_out_mask(labels, choices.held_out, choices.seed)
    else:
        apart = own[found.numbers]
        if apart.all():
            raise UserError(
                f"{catalog.title} holds no image to train on that can be used: check those that "
                "were passed over."
            )
    every, validation = Samples(found.images, targets, names), None
    training = every
    if apart is not None and apart.any():
        training, validation = _chosen(every, ~apart), _chosen(every, apart)
    if own is not None and choices.held_out == 0:
        validation = None
    dataset = Dataset(
        title=catalog.title,
        source=catalog.source,
        training=training,
        validation=validation,
        class_names=mapping.names,
        preprocessing=preprocessing,
        skipped=catalog.skipped + found.skipped,
    )
    words = catalog.split_words[0 if validation else 1]
    manner = "" if own is not None else f" (each class in its share, seed {choices.seed})"
    held = f"{len(validation):,} held out{manner}" if validation else "none held out"
    counts = f"{len(training):,} to train on, {held}"
    apart_words = (words,) if words else ()
    return dataset, (*told, *apart_words, *_sample_words(dataset, mapping), counts)


def _chosen(samples: Samples, mask: Array) -> Samples:
    numbers = np.flatnonzero(mask)
    names = tuple(samples.names[number] for number in numbers.tolist())
    return Samples(samples.images[numbers], samples.targets[numbers], names)


def _sample_words(dataset: Dataset, mapping: ClassMapping) -> tuple[str, ...]:
    """Classes of the data, and outputs beyond them, that nothing is trained on for."""
    if not mapping.classes:
        return ()
    found = set(np.unique(classes_of(dataset.training.targets)).tolist())
    lacking = [
        name
        for name, output in zip(mapping.classes, mapping.outputs, strict=True)
        if output not in found
    ]
    words = [f"no samples to train on: {listed_names(lacking)}"] if lacking else []
    count = len(mapping.classes)
    if len(mapping.names) > count:
        words.append(
            f"{count} classes for {len(mapping.names)} outputs: the others have no samples"
        )
    return tuple(words)


def _normalized(reading: DataReading) -> DataReading:
    """Mean and standard deviation are measured on the training images alone."""
    dataset = reading.dataset
    means, deviations = mean_and_deviation(dataset.training.images)
    if deviations.min() < _SMALLEST_STD:
        raise UserError(
            f"{dataset.title}: a channel has the same value in every image, so it cannot be "
            "normalized: leave the images as they are."
        )

    def part(samples: Samples) -> Samples:
        images = (samples.images - means[:, None, None]) / deviations[:, None, None]
        return replace(samples, images=images.astype(np.float32))

    mean, std = tuple(means.tolist()), tuple(deviations.tolist())

    dataset = replace(
        dataset,
        training=part(dataset.training),
        validation=part(dataset.validation) if dataset.validation else None,
        preprocessing=replace(dataset.preprocessing, mean=mean, std=std),
    )
    words = ", ".join(f"(x − {m:.4g}) / {s:.4g}" for m, s in zip(mean, std, strict=True))
    step = f"normalized {words}, as measured on the training images"
    return replace(reading, dataset=dataset, steps=(*reading.steps, step))


def shipped_dataset(source: str, network: Network, preprocessing: Preprocessing) -> Dataset | None:
    """All samples of a bundled set, none held out; None for any other source."""
    if source not in BUNDLED:
        return None
    return load_dataset(source, network, preprocessing, held_out=0.0)


ONE_IMAGE = "one image"


def one_image(model: Model, image: Array, target: int | tuple[float, ...], name: str) -> Dataset:
    """One image (1,C,H,W), as the network takes it, and what it is to put out for it.

    Raises:
        UserError: image or target do not fit the network.
    """
    network = model.network
    if image.shape != (1, *network.input_shape):
        raise UserError(f"{name} is no input of “{network.name}”: fit it to the network first.")
    return Dataset(
        title=f"One image: {name}",
        source=ONE_IMAGE,
        training=Samples(image, _one_target(network, target, model.class_names), (name,)),
        validation=None,
        class_names=model.class_names,
        preprocessing=model.preprocessing,
    )


def _one_target(network: Network, target: int | tuple[float, ...], names: tuple[str, ...]) -> Array:
    shape = network.shapes[network.output]
    if isinstance(target, int):
        if not 0 <= target < max(len(names), *shape, 2):
            raise UserError(f"“{network.name}” has no class {target}: choose another target.")
        found, _ = _targets_for(np.array([target], dtype=np.int64), network)
        return found
    wanted = network.loss.target(target, (1, *shape))
    return wanted.reshape(1, -1)
