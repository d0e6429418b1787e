"""`backpropviz train` as a person meets it."""

from __future__ import annotations

import csv
import io
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from backpropviz.cli.commands import main
from backpropviz.cli.train import OPTIMIZERS
from backpropviz.cli.training import progress_text, read_schedule
from backpropviz.engine.optimizers import Adam, Sgd, optimizer_kinds
from backpropviz.engine.training.history import Measured
from backpropviz.engine.training.trainer import Trainer, Updated
from backpropviz.engine.training.update import (
    ConstantRate,
    Cosine,
    Product,
    StepDecay,
    Then,
    WarmUp,
)
from backpropviz.errors import UsageError
from backpropviz.files.data.load import shipped_dataset
from backpropviz.files.networks import load_network
from backpropviz.files.run import SavedRun, load_run
from tests.engine.training.runs import same
from tests.importers.datasets.data_files import write_folder

NEW = ("train", "--network", "mlp", "--data", "mnist")
FAST = (*NEW, "--batch", "400")  # four updates an epoch


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.bpv"


def told(capsys: pytest.CaptureFixture[str], code: int, *words: str) -> tuple[str, str]:
    assert main(words) == code
    printed = capsys.readouterr()
    return printed.out, printed.err


def saved(path: Path) -> SavedRun:
    return load_run(path, shipped_dataset)


def test_it_tells_every_epoch_and_saves(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, err = told(capsys, 0, *FAST, "--epochs", "2", "-o", str(path))
    assert err == ""
    lines = out.splitlines()
    assert [line.split(":")[0] for line in lines if not line.startswith(" ")] == [
        "data",
        "epoch 1",
        "epoch 2",
        "after 8 updates in 2 epochs",
    ]
    found = saved(path)
    assert found.now.iteration == 8
    assert found.run.course.rule(1) == Sgd(0.02, 0.9)
    assert (len(found.run.dataset.training), found.run.course.at(1).batch_size) == (1600, 400)
    assert found.history.validated[-1].accuracy is not None
    assert f"{found.history.validated[-1].accuracy:.2%} right → {path}" in lines[-1]
    assert np.array_equal(
        load_network(path).parameters["dense1"]["weight"],
        found.now.parameters["dense1"]["weight"],
    )


@pytest.mark.parametrize("float_bits", ["32", "64"])
def test_going_on_is_as_never_having_stopped(
    tmp_path: Path, float_bits: str, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, half, rest = (str(tmp_path / name) for name in ("w.bpv", "h.bpv", "r.bpv"))
    settings = ("--float", float_bits, "--optimizer", "adam", "--seed", "3")
    csvs = tmp_path / "w.csv", tmp_path / "r.csv"
    told(capsys, 0, *FAST, *settings, "--epochs", "2", "-o", whole, "--csv", str(csvs[0]))
    told(capsys, 0, *FAST, *settings, "--epochs", "1", "-o", half)
    told(capsys, 0, "train", "--resume", half, "--epochs", "1", "-o", rest, "--csv", str(csvs[1]))
    assert same(saved(Path(whole)).now, saved(Path(rest)).now)
    assert csvs[0].read_text() == csvs[1].read_text()
    assert saved(Path(whole)).run.dtype == f"float{float_bits}"


def test_an_epoch_that_was_begun_is_ended(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, whole = tmp_path / "a.bpv", tmp_path / "b.bpv"
    out, _ = told(capsys, 0, *FAST, "--updates", "3", "-o", str(first))
    assert out.splitlines()[-1].startswith("after 3 updates in 0.75 epochs: validation loss")
    assert "epoch 1" not in out
    told(capsys, 0, "train", "--resume", str(first), "--epochs", "1", "-o", str(first))
    told(capsys, 0, *FAST, "--epochs", "1", "-o", str(whole))
    assert same(saved(first).now, saved(whole).now)


def test_the_csv_has_a_row_an_update(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = path.with_suffix(".csv")
    told(capsys, 0, *FAST, "--epochs", "2", "-o", str(path), "--csv", str(table))
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert [row["update"] for row in rows] == [str(k) for k in range(1, 9)]
    assert [row["epoch"] for row in rows] == ["1"] * 4 + ["2"] * 4
    assert [bool(row["val_loss"]) for row in rows] == [False, False, False, True] * 2
    assert float(rows[7]["val_accuracy"]) == saved(path).history.validated[-1].accuracy
    assert {row["learning_rate"] for row in rows} == {"0.02"}


def test_weights_can_be_the_network_s_own(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = (*FAST, "--from-weights", "--updates", "1", "-o", str(path))
    told(capsys, 0, *words)
    own = load_network("mlp").parameters["dense1"]["weight"]
    assert np.array_equal(saved(path).run.start.parameters["dense1"]["weight"], own)


def test_what_was_assumed_about_the_data_is_printed(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write_folder(tmp_path / "set" / "train", ("3", "7"), each=5)
    write_folder(tmp_path / "set" / "val", ("3", "7"), each=2)
    (tmp_path / "set" / "annotations").mkdir()
    (root / "3" / "notes.txt").write_text("x")
    words = ("train", "--network", "lenet", "--data", str(root.parent), "--updates", "1")
    out, _ = told(capsys, 0, *words, "-o", str(path))
    for line in (
        "data: set",
        "  classes (samples to train on + held out): 3 (5 + 2) and 7 (5 + 2)",
        "  no pictures in annotations/: no class",
        "  classes joined with the network’s by name: “3” is output 3 and “7” is output 7",
        "  trained on train/, validated with val/",
        "  values 0…255 scaled to 0…1",
        "  10 to train on, 4 held out",
        "skipped train/3/notes.txt: is no picture file",
    ):
        assert line in out.splitlines()
    assert saved(path).run.dataset.class_names == tuple("0123456789")


def test_the_share_that_is_held_out_is_an_option(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write_folder(tmp_path / "set", ("3", "7"), each=1)
    words = ("train", "--network", "lenet", "--data", str(root), "--updates", "1", "-o", str(path))
    _, err = told(capsys, 3, *words)
    assert "set the share held out to 0" in err
    out, _ = told(capsys, 0, *words, "--held-out", "0")
    assert "  2 to train on, none held out" in out.splitlines()
    _, err = told(capsys, 2, *words, "--held-out", "2")
    assert "“2” is no share from 0 to 0.9" in err


def test_of_many_epochs_some_are_told(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--network", "tiny-max", "--data", "example", "--learning-rate", "0")
    out, _ = told(capsys, 0, "train", *words, "--updates", "250", "-o", str(path))
    lines = out.splitlines()
    assert [line.split(":")[0] for line in lines[:2]] == ["epoch 3", "epoch 6"]
    assert len(lines) == 250 // 3 + 1


def test_lenet_learns_the_digits_from_fresh_weights(path: Path) -> None:
    """With the defaults; in a process of its own, where one thread does the linear algebra."""
    words = ("train", "--network", "lenet", "--data", "mnist", "--epochs", "8", "-o", str(path))
    subprocess.run([sys.executable, "-m", "backpropviz", *words], check=True, capture_output=True)
    accuracies = [one.accuracy for one in saved(path).history.validated]
    assert len(accuracies) == 8
    assert max(accuracy or 0 for accuracy in accuracies) >= 0.94


@pytest.mark.parametrize("network", ["tiny-max", "mlp"])
def test_an_example_is_learned_by_heart(
    network: str, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--data", "example", "--from-weights", "--learning-rate", "0.01", "--updates", "60")
    out, _ = told(capsys, 0, "train", "--network", network, *words, "-o", str(path))
    assert len(out.splitlines()) == 61
    found = saved(path)
    losses = found.history.columns().loss
    assert losses[-1] < 0.05 * losses[0]
    assert found.run.dataset.validation is None


def test_a_resumed_run_takes_other_settings(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told(capsys, 0, *FAST, "--updates", "3", "-o", str(path))
    words = ("--learning-rate", "0.5", "--batch", "200", "--schedule", "step:2:0.1")
    told(capsys, 0, "train", "--resume", str(path), *words, "--updates", "4", "-o", str(path))
    course = saved(path).run.course
    assert course.rule(3).learning_rate == 0.02
    rates = [course.rule(k).learning_rate for k in (4, 5, 6, 7)]
    assert rates == pytest.approx([0.5, 0.5, 0.05, 0.05])
    assert course.at(4).curve == Then(ConstantRate(), 3, StepDecay(2))
    assert course.changes[0].words.startswith("learning rate 0.02 → 0.5, schedule")
    told(
        capsys,
        0,
        "train",
        "--resume",
        str(path),
        "--optimizer",
        "adam",
        "--updates",
        "1",
        "-o",
        str(path),
    )
    assert saved(path).run.course.at(8).optimizer == Adam()
    assert saved(path).run.course.age(8) == 1


def test_ctrl_c_keeps_what_was_learned(
    path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = Trainer.advance

    def pressed(trainer: Trainer, *, gradients: bool = False) -> Updated:
        if trainer.now.iteration == 4:
            signal.raise_signal(signal.SIGINT)
        return plain(trainer, gradients=gradients)

    before = signal.getsignal(signal.SIGINT)
    with monkeypatch.context() as changed:
        changed.setattr(Trainer, "advance", pressed)
        out, err = told(capsys, 0, *FAST, "--epochs", "3", "-o", str(path))
    assert err == ""
    assert out.splitlines()[-1].startswith("stopped after 5 updates in 1.25 epochs: ")
    assert out.endswith(f"; --resume {path} makes the other 7 updates\n")
    assert signal.getsignal(signal.SIGINT) is before
    whole = path.with_name("whole.bpv")
    told(capsys, 0, "train", "--resume", str(path), "--updates", "7", "-o", str(path))
    told(capsys, 0, *FAST, "--epochs", "3", "-o", str(whole))
    assert same(saved(path).now, saved(whole).now)


def test_a_number_that_is_not_finite_stops_the_run(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = (*FAST, "--learning-rate", "1e30", "--epochs", "2", "-o", str(path))
    out, err = told(capsys, 1, *words)
    lines = [line for line in out.splitlines() if not line.startswith(" ")]
    assert [line.split()[0] for line in lines] == ["data:", "after"]
    assert err.startswith("backpropviz: in update ")
    # One processor adds an overflowing sum up to an infinity, another to ∞ − ∞.
    assert re.search(r" is (infinite|not a number \(NaN\)): ", err)
    assert "the largest float32 is 3.4e+38" in err
    assert err.endswith(": try a smaller --learning-rate.\n")
    assert err.count("\n") == 1
    found = saved(path)
    assert len(found.history) == found.now.iteration
    assert all(np.isfinite(a).all() for own in found.now.parameters.values() for a in own.values())
    assert found.checkpoints.iterations[0] == 0


@pytest.mark.parametrize(
    ("code", "words", "sentence"),
    [
        (2, NEW, "--output"),
        (2, (*NEW, "-o", "x.bpv"), "how long to train"),
        (2, (*NEW, "--epochs", "0", "-o", "x.bpv"), "“0” is no whole number of at least 1"),
        (2, (*NEW, "--updates", "1e9", "-o", "x.bpv"), "“1e9” is no whole number"),
        (2, (*NEW, "--updates", "9" * 20, "-o", "x.bpv"), "is too large"),
        (2, (*NEW, "--epochs", "1", "--seed", "-1", "-o", "x.bpv"), "“-1” is no whole number"),
        (2, (*NEW, "--epochs", "1", "--momentum", "nan", "-o", "x.bpv"), "“nan” is no number"),
        (2, (*NEW, "--epochs", "1", "-o", "x.bpv", "--csv", "x.bpv"), "name the same file"),
        (3, (*NEW, "--epochs", "1", "-o", "/dev/null/x.bpv"), "x.bpv cannot be written"),
        (3, (*NEW, "--epochs", "1", "-o", "a/b/x.bpv", "--csv", "."), "is a folder"),
        (2, (*NEW, "--epochs", "1", "-o", "x.npz"), "ends in .bpv"),
        (2, ("train", "--network", "mlp", "--epochs", "1", "-o", "x.bpv"), "--data is missing"),
        (2, ("train", "--data", "mnist", "--epochs", "1", "-o", "x.bpv"), "--network is missing"),
        (2, (*NEW, "--resume", "y.bpv", "--epochs", "1", "-o", "x.bpv"), "leave out --network"),
        (2, (*NEW, "--optimizer", "best", "--epochs", "1", "-o", "x.bpv"), "--optimizer"),
        (2, (*NEW, "--learning-rate", "-1", "--epochs", "1", "-o", "x.bpv"), "--learning-rate"),
        (2, (*NEW, "--schedule", "up", "--epochs", "1", "-o", "x.bpv"), "“up” is no schedule"),
        (2, (*NEW, "--schedule", "step:x", "--epochs", "1", "-o", "x.bpv"), "every"),
        (2, (*NEW, "--optimizer", "adam", "--momentum", "0.5", "--epochs", "1", "-o", "x.bpv"), (
            "adam has no momentum")),
        (3, ("train", "--network", "mlp", "--data", "nothing", "--epochs", "1", "-o", "x.bpv"), (
            "no data set “nothing”")),
        (3, ("train", "--network", "no", "--data", "mnist", "--epochs", "1", "-o", "x.bpv"), "no"),
        (3, ("train", "--network", "tiny-max", "--data", "mnist", "--epochs", "1", "-o", "x.bpv"), (
            "10 classes, but “tiny-max” has 1 output")),
        (3, ("train", "--resume", "y.bpv", "--epochs", "1", "-o", "x.bpv"), "y.bpv"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_told(
    code: int,
    words: tuple[str, ...],
    sentence: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    out, err = told(capsys, code, *words)
    assert out == ""
    assert err.startswith("backpropviz: ")
    assert sentence in err
    assert err.endswith(".\n")
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_table_does_not_take_the_place_of_the_run_that_goes_on(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told(capsys, 0, *FAST, "--updates", "1", "-o", str(path))
    before = path.read_bytes()
    words = ("--resume", str(path), "--updates", "1", "-o", str(path), "--csv", str(path))
    _, err = told(capsys, 2, "train", *words)
    assert "name the same file" in err
    assert path.read_bytes() == before


def test_a_terminal_sees_progress(
    path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert main((*FAST, "--updates", "2", "-o", str(path))) == 0
    shown = terminal.getvalue()
    assert "[####################] update 2 of 2, epoch 1, loss " in shown
    assert shown.endswith("\x1b[K")


def test_the_line_of_progress() -> None:
    measured = Measured(120, 3, 0.12345, 0.02, 30, 32, (), (), ())
    assert progress_text(120, 500, measured, 75.4) == (
        "[####                ] update 120 of 500, epoch 3, loss 0.1235, "
        "93.8% of the batch right, 1:15 left"
    )


def test_schedules_are_written_in_a_word() -> None:
    assert read_schedule("constant", 9) == ConstantRate()
    assert read_schedule("cosine", 9) == Cosine(9)
    assert read_schedule("cosine:5:0.1", 9) == Cosine(5, 0.1)
    assert read_schedule("warm_up:3 * step:4:0.5", 9) == Product(WarmUp(3), StepDecay(4, 0.5))
    for wrong in ("", "then:1", "step:1:2:3", "step", "cosine:0", "step:1.5"):
        with pytest.raises(UsageError):
            read_schedule(wrong, 9)


def test_every_optimizer_can_be_asked_for() -> None:
    assert tuple(optimizer_kinds()) == OPTIMIZERS
