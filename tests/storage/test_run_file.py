"""A run that is saved comes back whole and goes on bit for bit; what is damaged is told."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from backpropviz.engine.model import Preprocessing
from backpropviz.engine.network import Network
from backpropviz.engine.optimizers import Adam, Optimizer, RmsProp, Sgd
from backpropviz.engine.training.checkpoints import Checkpoints, size_bytes, state_at
from backpropviz.engine.training.history import COLUMN_NAMES, History, tensors_of
from backpropviz.engine.training.run import Hyperparameters, Run, fork
from backpropviz.engine.training.samples import Augmentation, Dataset, Samples, Skipped
from backpropviz.engine.training.trainer import Trainer
from backpropviz.engine.training.update import Cosine, Product, WarmUp
from backpropviz.errors import UserError
from backpropviz.files import run as run_file
from backpropviz.files.archive import to_npy
from backpropviz.files.data.load import load_dataset, shipped_dataset
from backpropviz.files.networks import kind_of, load_network
from backpropviz.files.run import SavedRun, load_run, save_run
from tests.engine.passes import grown
from tests.engine.training.runs import regression, run_of, same, states, stripes


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.bpv"


def trained(run: Run, count: int) -> SavedRun:
    """A run after so many updates, with a change of settings on the way."""
    trainer = Trainer(run)
    history, checkpoints = History(tensors_of(run.network)), Checkpoints(spacing=3)
    checkpoints.add(trainer.now)
    for number in range(count):
        if number == 4:
            settings = trainer.run.course.at(1)
            curve = Product(WarmUp(9, 0.5), Cosine(500))
            trainer.change(Hyperparameters(settings.optimizer, curve, 5))
        history.add(trainer.advance().measured)
        checkpoints.add(trainer.now)
    if run.dataset.validation is not None:
        history.add_validated(trainer.validate())
    return SavedRun(trainer.run, trainer.now, history, checkpoints)


def same_columns(left: History, right: History) -> bool:
    pairs = ((getattr(h.columns(), n) for h in (left, right)) for n in COLUMN_NAMES)
    return all(np.array_equal(a, b, equal_nan=True) for a, b in pairs)


@pytest.mark.parametrize("optimizer", [Sgd(0.1), Adam(), RmsProp(0.01, 0.9, 1e-8, 0.5, True)])
@pytest.mark.parametrize("float_bits", [32, 64])
def test_a_run_comes_back_and_goes_on(path: Path, optimizer: Optimizer, float_bits: int) -> None:
    augmentation = Augmentation(True, 1.5, 10.0, 0.1, 0.1)
    run = run_of(optimizer=optimizer, float_bits=float_bits, augmentation=augmentation)
    saved = trained(run, 11)
    save_run(path, saved)
    found = load_run(path)
    assert kind_of(path) == "run"
    assert found.run.course == saved.run.course
    assert (found.run.title, found.run.seed) == (run.title, run.seed)
    assert (found.run.origin, found.run.augmentation) == (run.origin, augmentation)
    assert same(found.run.start, run.start)
    assert same(found.now, saved.now)
    assert found.checkpoints.iterations == saved.checkpoints.iterations
    for iteration in saved.checkpoints.iterations:
        assert same(found.checkpoints.nearest(iteration), saved.checkpoints.nearest(iteration))
    assert same_columns(found.history, saved.history)
    after, again = Trainer(saved.run, saved.now), Trainer(found.run, found.now)
    for _ in range(5):
        assert same(after.advance().trained, again.advance().trained)
    assert after.validate().loss == again.validate().loss


def test_running_statistics_and_dropout_go_on(path: Path) -> None:
    saved = trained(run_of(grown(shape=(3, 6, 7))), 7)
    save_run(path, saved)
    found = load_run(path)
    expected, again = Trainer(saved.run, saved.now), Trainer(found.run, found.now)
    assert same(expected.advance().trained, again.advance().trained)


def test_a_regression_and_a_run_without_an_update(path: Path) -> None:
    for count in (0, 3):
        saved = trained(regression(), count)
        save_run(path, saved)
        found = load_run(path)
        assert same(found.now, saved.now)
        assert found.run.dataset.validation is None
        assert len(found.history) == count
        assert same(
            Trainer(found.run, found.now).advance().trained, states(saved.run, count + 1)[-1]
        )


def test_a_fork_comes_back(path: Path) -> None:
    saved = trained(run_of(), 6)
    forked = trained(fork(saved.run, saved.now, Hyperparameters(Adam(), batch_size=7)), 5)
    save_run(path, forked)
    found = load_run(path)
    assert found.run.start.iteration == 6
    assert same(found.run.start, forked.run.start)
    assert same(found.now, forked.now)


def test_a_fork_comes_back_with_what_was_before_it(path: Path) -> None:
    saved = trained(run_of(), 7)
    forked = fork(saved.run, saved.now, Hyperparameters(Adam(), batch_size=7))
    trainer = Trainer(forked)
    for _ in range(4):
        saved.history.add(trainer.advance().measured)
        saved.checkpoints.add(trainer.now)
    save_run(path, SavedRun(forked, trainer.now, saved.history, saved.checkpoints))
    found = load_run(path)
    assert same(found.run.start, forked.start)
    assert same(found.now, trainer.now)
    assert same_columns(found.history, saved.history)
    assert found.checkpoints.iterations == (0, 3, 6, 9, 11)
    for iteration in (0, 2, 7, 8):
        past = state_at(found.run, found.checkpoints, iteration)
        assert same(past, state_at(forked, saved.checkpoints, iteration))
    rewritten(path, edited("run.json", start=5))
    with pytest.raises(UserError, match="name the update of one of the states"):
        load_run(path)


def test_the_newest_weights_are_the_model_of_the_file(path: Path) -> None:
    saved = trained(run_of(), 6)
    save_run(path, saved)
    model = load_network(path)
    for layer, own in saved.now.parameters.items():
        for name, array in own.items():
            assert np.array_equal(model.parameters[layer][name], array)


def test_the_network_keeps_its_name_whatever_the_file_is_called(path: Path) -> None:
    saved = trained(run_of(), 1)
    save_run(path, saved)
    assert path.stem != saved.run.network.name
    assert load_run(path).run.network.name == saved.run.network.name


def test_numbers_that_are_none_are_kept_in_the_history(path: Path) -> None:
    saved = trained(run_of(), 3)
    bad = replace(saved.history.recent[-1], iteration=4, loss=float("nan"), correct=None)
    saved.history.add(bad)
    save_run(path, saved)
    assert np.isnan(load_run(path).history.columns(4).loss).all()


def test_as_many_checkpoints_as_fit_are_saved(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved = trained(run_of(), 40)
    monkeypatch.setattr(run_file, "CHECKPOINT_BYTES", 4 * size_bytes(saved.now))
    save_run(path, saved)
    assert load_run(path).checkpoints.iterations == (0, 12, 24, 36, 40)


def test_bundled_data_is_found_by_its_name(path: Path) -> None:
    lenet = load_network("lenet")
    dataset = load_dataset("mnist", lenet.network, lenet.preprocessing, limit=100)
    run = run_of(lenet.network, dataset=dataset)
    save_run(path, SavedRun(run, run.start, History(tensors_of(run.network)), Checkpoints()))
    whole = path.stat().st_size
    saved = SavedRun(run, run.start, History(tensors_of(run.network)), Checkpoints())
    save_run(path, saved, shipped_dataset)
    assert path.stat().st_size < whole
    with zipfile.ZipFile(path) as file:
        assert not any(name.startswith("data/") for name in file.namelist())
    found = load_run(path, shipped_dataset).run.dataset
    assert found.training.names == dataset.training.names
    assert np.array_equal(found.training.images, dataset.training.images)
    assert found.validation is not None
    assert dataset.validation is not None
    assert np.array_equal(found.validation.targets, dataset.validation.targets)
    with pytest.raises(UserError, match="“mnist” does not ship"):
        load_run(path)

    def other(source: str, network: Network, preprocessing: Preprocessing) -> Dataset | None:
        every = shipped_dataset(source, network, preprocessing)
        assert every is not None
        samples = every.training
        return replace(every, training=replace(samples, images=samples.images * 2))

    with pytest.raises(UserError, match="not the one that the run learned from"):
        load_run(path, other)


def test_data_that_only_has_a_bundled_name_is_written_out(path: Path) -> None:
    lenet = load_network("lenet")
    dataset = load_dataset("mnist", lenet.network, lenet.preprocessing, limit=60)
    bent = Samples(dataset.training.images / 2, dataset.training.targets, dataset.training.names)
    run = run_of(lenet.network, dataset=replace(dataset, training=bent))
    saved = SavedRun(run, run.start, History(tensors_of(run.network)), Checkpoints())
    save_run(path, saved, shipped_dataset)
    assert np.array_equal(load_run(path).run.dataset.training.images, bent.images)


def test_what_was_skipped_is_remembered(path: Path) -> None:
    dataset = replace(stripes(), skipped=(Skipped("a.png", "it is no image."),))
    save_run(path, trained(run_of(dataset=dataset), 1))
    assert load_run(path).run.dataset.skipped == dataset.skipped


def rewritten(path: Path, change: Callable[[dict[str, bytes]], None]) -> None:
    with zipfile.ZipFile(path) as file:
        members = {name: file.read(name) for name in file.namelist()}
    change(members)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
    path.write_bytes(buffer.getvalue())


def edited(name: str, **fields: object) -> Callable[[dict[str, bytes]], None]:
    def change(members: dict[str, bytes]) -> None:
        members[name] = json.dumps({**json.loads(members[name]), **fields}).encode()

    return change


def array(name: str, values: np.ndarray) -> Callable[[dict[str, bytes]], None]:
    return lambda members: members.update({name: to_npy(values)})


SEGMENT = {"first_iteration": 1, "epoch": 1, "first_sample": 0, "batch_size": 4}
SGD = {"optimizer": {"kind": "sgd"}, "schedule": {"kind": "constant"}}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda m: m.pop("run.json"), "run.json is missing"),
        (lambda m: m.pop("states/000000000.npy"), "states/000000000.npy is missing"),
        (lambda m: m.pop("history/loss.npy"), "history/loss.npy is missing"),
        (lambda m: m.pop("data/training.images.npy"), "data/training.images.npy is missing"),
        (edited("run.json", seed=-1), "seed = -1"),
        (edited("run.json", seed="x"), "seed = 'x'"),
        (edited("run.json", course=[]), "from update 1 on"),
        (edited("run.json", course=[{**SEGMENT, **SGD, "batch_size": 0}]), "batch_size = 0"),
        (edited("run.json", course=[{**SEGMENT, **SGD, "first_sample": 99}]), "sample 99"),
        (edited("run.json", course=[{**SEGMENT, **SGD, "schedule": {"kind": "up"}}]), "“up”"),
        (edited("run.json", states=[]), "at least one state"),
        (edited("run.json", spacing=0), "spacing = 0"),
        (edited("run.json", augmentation={"flip": 1}), "augmentation"),
        (edited("run.json", more=1), "“more” is not a field"),
        (edited("data.json", training=["a"]), "names: give one each"),
        (edited("data.json", fingerprint="0"), "not those that were saved"),
        (edited("manifest.json", kind="model"), "holds a model, no training run"),
        (array("states/000000003.npy", np.zeros(3)), "states/000000003.npy has the shape 3"),
        (array("states/000000000.npy", np.full(84 + 2, np.nan)), "states/000000000.npy"),
        (array("history/loss.npy", np.zeros(2)), "history/loss.npy does not fit"),
        (array("history/iteration.npy", np.zeros(5, np.int64)), "does not rise"),
        (array("data/training.targets.npy", np.full(30, 7)), "not those that were saved"),
        (array("data/training.targets.npy", np.array(1, np.float32)), "not those that were saved"),
        (array("data/training.images.npy", np.array(1, np.float32)), "not those that were saved"),
        (array("history/iteration.npy", np.array(1.0)), "history/iteration.npy does not fit"),
        (array("history/iteration.npy", np.full(5, np.nan)), "numbers that are not whole"),
        (array("history/validated_iteration.npy", np.full(1, np.nan)), "numbers that are not wh"),
    ],
)
def test_a_damaged_file_is_told_in_a_sentence(
    path: Path, change: Callable[[dict[str, bytes]], None], sentence: str
) -> None:
    save_run(path, trained(run_of(), 5))
    rewritten(path, change)
    with pytest.raises(UserError, match=sentence) as told:
        load_run(path)
    assert str(told.value).startswith(f"{path}: ")
    assert str(told.value).endswith(".")


def test_a_file_that_was_cut_is_told(path: Path) -> None:
    save_run(path, trained(run_of(), 5))
    content = path.read_bytes()
    for length in (0, 100, len(content) // 2, len(content) - 10):
        path.write_bytes(content[:length])
        with pytest.raises(UserError):
            load_run(path)


def test_equal_runs_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("a.bpv", "b.bpv"):
        save_run(tmp_path / name, trained(run_of(), 5))
    assert (tmp_path / "a.bpv").read_bytes() == (tmp_path / "b.bpv").read_bytes()
