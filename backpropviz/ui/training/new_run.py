"""What a person chooses for a run, and the run that follows from it. No widgets."""

from __future__ import annotations

from dataclasses import field
from pathlib import Path
from typing import Final

from backpropviz.engine.model import Model
from backpropviz.engine.optimizer import Adam, Sgd
from backpropviz.engine.training.augmentation import Augmentation
from backpropviz.engine.training.course import Hyperparameters
from backpropviz.engine.training.run import INITIAL, Initial, Run, new_run
from backpropviz.engine.training.samples import Dataset
from backpropviz.engine.training.trainer import check_last_batch
from backpropviz.errors import UserError
from backpropviz.frozen import frozen
from backpropviz.importers.datasets.load import Choices, read_dataset
from backpropviz.importers.datasets.one_image import ONE_IMAGE, one_image
from backpropviz.ui.subject import Subject

UNCHANGED: Final = Augmentation()
_MNIST: Final = Hyperparameters(Sgd(0.02, 0.9), batch_size=32)
_PHOTOS: Final = Hyperparameters(Adam(0.002), batch_size=32)
_ONE: Final = Hyperparameters(Sgd(0.01), batch_size=1)


@frozen(eq=False)
class RunChoices:
    """Everything that the dialog asks for; `subject` is what is open in the debugger."""

    network: str
    model: Model
    source: str
    settings: Hyperparameters
    initial: Initial = INITIAL
    augmentation: Augmentation = UNCHANGED
    data: Choices = field(default_factory=Choices)
    subject: Subject | None = None


def suggested_source(model: Model) -> str:
    """The data that a network was made for, by its example; else the example alone."""
    if model.example is None:
        return "mnist"
    bundled = {"mnist": "mnist", "digits": "digits", "photo": "photos"}
    return bundled.get(model.example.source.partition(":")[0], ONE_IMAGE)


def suggested_settings(source: str) -> Hyperparameters:
    """Settings with which the bundled networks learn the data well."""
    if source == ONE_IMAGE:
        return _ONE
    return _PHOTOS if source == "photos" else _MNIST


def made_run(choices: RunChoices) -> Run:
    """Read the data and make the run; meant for a worker's thread.

    Raises:
        UserError: the data cannot be read, or do not fit the network.
    """
    augmentation = None if choices.augmentation.is_none else choices.augmentation
    run = new_run(
        choices.model,
        _dataset(choices),
        choices.settings,
        choices.initial,
        augmentation=augmentation,
        title=Path(choices.network).stem,
    )
    check_last_batch(run, run.start)
    return run


def _dataset(choices: RunChoices) -> Dataset:
    model, subject = choices.model, choices.subject
    if choices.source != ONE_IMAGE:
        found = read_dataset(
            choices.source,
            model.network,
            model.preprocessing,
            choices.data,
            class_names=model.class_names,
        )
        return found.dataset
    if subject is not None and subject.network == choices.network:
        return one_image(model, subject.image, subject.target, subject.image_name)
    if model.example is None:
        raise UserError(f"{model.title} brings no example image: open one first, or choose data.")
    return one_image(model, model.example.image, model.example.target, model.example.source)
