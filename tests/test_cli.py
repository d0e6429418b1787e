"""The command line as a person meets it: results, exit codes, one sentence when it is wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backpropviz import __version__
from backpropviz.cli.commands import COMMANDS, CliCommand, main
from backpropviz.engine.record import record as engine_record
from backpropviz.files.networks import load_network
from tests.moded import lone_file, moded_file

ROOT = Path(__file__).parent.parent
KEYS = ["address", "value", "initial", "rule", "terms", "residue", "formula"]
TINY = ["--network", "tiny-max"]
WEIGHT = "conv1.weight.grad[0,0,1,0]"


def output(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What a command that succeeds prints; nothing goes to stderr."""
    assert main(words) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    return printed.out


def complaint(capsys: pytest.CaptureFixture[str], code: int, *words: str) -> str:
    """The one sentence of a command that is refused."""
    assert main(words) == code
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("backpropviz: ")
    assert printed.err.endswith(".\n")
    assert printed.err.count("\n") == 1
    return printed.err


def run_python(
    *words: str, stdout: int = subprocess.PIPE, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """A Python of its own, started in the checkout."""
    return subprocess.run(
        [sys.executable, *words],
        cwd=ROOT,
        env=env,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert output(capsys, "--version") == f"backpropviz {__version__}\n"
    listed = output(capsys, "--help")
    assert all(name in listed for name in COMMANDS)
    for name in COMMANDS:
        assert "usage: backpropviz" in output(capsys, name, "--help")


def test_help_loads_no_numpy() -> None:
    script = (
        "import sys; from backpropviz.cli.commands import main\n"
        "for words in (['--version'], ['--help'], ['explain', '--help'], ['export', '--help']):\n"
        "    assert main(words) == 0\n"
        "print('numpy' in sys.modules, 'PySide6' in sys.modules)"
    )
    done = run_python("-c", script)
    assert done.stdout.endswith("False False\n"), done.stderr


def test_explain_derives_a_filter_weight_s_gradient(capsys: pytest.CaptureFixture[str]) -> None:
    """Only the window's winner has a gradient (2), and it met the pixel 2 through this weight."""
    text = output(capsys, "explain", WEIGHT, *TINY)
    assert text.startswith(f"{WEIGHT} = 4\n")
    assert "conv1.output.grad[0,0,1,0] (2) · conv1.input[0,0,2,0] (2)" in text


def test_explain_as_json_has_these_keys_and_adds_up(capsys: pytest.CaptureFixture[str]) -> None:
    told = json.loads(output(capsys, "explain", WEIGHT, *TINY, "--json"))
    assert list(told) == KEYS
    assert (told["address"], told["value"], told["rule"]) == (WEIGHT, 4.0, "sum")
    assert told["initial"] is None
    assert [list(term) for term in told["terms"]] == [["value", "operands"]] * 4
    operands = [operand for term in told["terms"] for operand in term["operands"]]
    assert all(list(operand) == ["address", "label", "value"] for operand in operands)
    assert sum(term["value"] for term in told["terms"]) + told["residue"] == told["value"]


def test_json_lists_what_text_folds(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("explain", "conv1.weight.grad[0,0,2,2]", "--network", "lenet")
    text = output(capsys, *words)
    told = json.loads(output(capsys, *words, "--json"))
    assert len(text.splitlines()) < 50
    assert "more terms; --json lists all of them" in text
    assert len(told["terms"]) == 28 * 28
    total = sum(term["value"] for term in told["terms"])
    assert abs(told["value"] - total - told["residue"]) < 1e-12


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("pool1.switches[0,0,0,0]", "what it belongs to is pool1.output[0,0,0,0]"),
        ("conv1.weight[0,0,0,0]", "conv1.weight.next[0,0,0,0]"),
        ("image[0,0,1,1]", "it is given"),
        ("loss.grad", "where the way back begins"),
        ("conv1.weight.grad", "for example conv1.weight.grad[0,0,0,0]"),
        ("conv1.weight.grad[0,0,2,0]", "1×1×2×2"),
        ("conv7.weight", "the layers are conv1, pool1"),
        ("conv1.wait", "conv1.weight"),
        ("[", "is not an address"),
        ("", "is not an address"),
    ],
)
def test_what_cannot_be_derived(
    capsys: pytest.CaptureFixture[str], address: str, words: str
) -> None:
    assert words in complaint(capsys, 3, "explain", address, *TINY)


def test_check_holds_every_gradient_against_finite_differences(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = output(capsys, "check", *TINY, "--pixels")
    assert text.startswith("tiny-max: all ")
    assert text.endswith("agree.\n")
    sampled = output(capsys, "check", "--network", "lenet", "--per-array", "3")
    assert "at most 3 of each array" in sampled


def test_a_wrong_gradient_fails_the_check(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from backpropviz.engine import gradcheck

    monkeypatch.setattr(gradcheck.Report, "passed", False)
    assert main(("check", *TINY)) == 1


def test_record_writes_every_array_by_name(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "tape.npz"
    line = output(capsys, "record", *TINY, "-o", str(path))
    with np.load(path, allow_pickle=False) as arrays:
        assert f"{len(arrays.files)} arrays, loss 2 → {path}\n" == line
        assert arrays["conv1.weight.grad"].tolist() == [[[[6, 8], [4, 2]]]]
        assert arrays["pool1.switches"].tolist() == [[[[2]]]]
        assert arrays["loss"] == 2
        assert not any("[" in name for name in arrays.files)
        assert all(a.dtype in (np.float32, np.int64) for a in arrays.values())


def test_float_width_target_and_reduction_are_taken(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = str(tmp_path / "tape.npz")
    output(capsys, "record", *TINY, "--target", "-1", "--float", "64", "-o", path)
    with np.load(path) as arrays:
        assert arrays["loss"] == 0.5 * 9**2
        assert arrays["loss"].dtype == np.float64
    assert "= 40.5" in output(capsys, "explain", "loss", *TINY, "--target=-1", "--reduction", "sum")


def test_a_labeled_sample_needs_no_target(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("explain", "loss", "--network", "lenet", "--image", "mnist:17")
    plain = output(capsys, *words)
    from backpropviz.files.pictures import open_picture

    assert plain == output(capsys, *words, "--target", str(open_picture("mnist:17").label))
    wrong = (int(open_picture("mnist:17").label or 0) + 1) % 10
    assert plain != output(capsys, *words, "--target", str(wrong))


def test_a_dark_picture_is_said_beside_the_result(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mask.png"
    Image.fromarray(np.eye(28, dtype=np.uint8)).save(path)
    assert (
        main(("explain", "loss", "--network", "lenet", "--image", str(path), "--target", "1")) == 0
    )
    printed = capsys.readouterr()
    assert printed.err == "backpropviz: In mask.png, the brightest value is 0.39 % of white.\n"
    assert printed.out.startswith("loss")


def test_a_class_can_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    model = load_network("tinyvgg")
    words = ("explain", "loss", "--network", "tinyvgg", "--target")
    named = output(capsys, *words, model.class_names[3])
    assert named == output(capsys, *words, "3")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--network", "nothing"), "the bundled networks are tiny-max"),
        (("--network", "lenet", "--image", "none.png"), "none.png does not exist"),
        (("--network", "lenet", "--target", "cat"), "give a class: 0, 1, 2"),
        (("--network", "lenet", "--target", "nan"), "not understood"),
        (("--network", "lenet", "--target", "10"), "out of range"),
        (("--network", "lenet", "--target", "1,2"), "is no class"),
        (("--network", "tiny-max", "--target", "cat"), "numbers separated by commas"),
        (("--network", "tiny-max", "--target", "1,2"), "target"),
        (("--network", "lenet", "--image", "photo:chelsea"), "a target is needed"),
    ],
)
def test_input_that_cannot_be_used(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    assert said in complaint(capsys, 3, "explain", "loss", *words)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("explain",), "ADDRESS"),
        (("explain", "loss"), "--network"),
        (("explain", "loss", *TINY, "--float", "16"), "16"),
        (("explain", "loss", *TINY, "--reduction", "none"), "none"),
        (("explain", "loss", *TINY, "--nonsense"), "--nonsense"),
        (("explain", "loss", "--net", "tiny-max"), "--network"),
        (("record", *TINY), "-o"),
        (("record", *TINY, "-o", "tape.png"), "ends in .npz"),
        (("check", *TINY, "--per-array", "0"), "--per-array"),
        (("check", *TINY, "--per-array", "3", "--all"), "not allowed with"),
        (("explian", "loss"), "neither a command nor a file"),
    ],
)
def test_wrong_usage(capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str) -> None:
    assert said in complaint(capsys, 2, *words)


def exported(*words: str) -> tuple[str, ...]:
    """An export of the gradient of tiny-max's filter, by element."""
    ends = ("--from", "conv1.weight.grad[0,0,0,0]", "--to", "conv1.weight.grad[0,0,1,1]")
    return ("export", *TINY, *ends, "--depth", "element", *words)


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_export_of_a_range_fills_a_folder(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, kind: str, qapp: object
) -> None:
    folder = tmp_path / "frames"
    words = exported("-o", str(folder), "--format", kind, "--size", "640x480")
    assert output(capsys, *words) == f"4 frames → {folder}\n"
    numbered = [f"frame-000{k}.{kind}" for k in range(1, 5)]
    assert sorted(p.name for p in folder.iterdir()) == [*numbered, "frames.csv"]
    assert "overwriting" in complaint(capsys, 3, *words)
    assert output(capsys, *words, "--overwrite") == f"4 frames → {folder}\n"


def test_export_to_pdf_png_and_svg(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, qapp: object
) -> None:
    from PySide6.QtGui import QImage

    assert "4 frames" in output(capsys, *exported("-o", str(tmp_path / "all.pdf")))
    assert (tmp_path / "all.pdf").read_bytes().startswith(b"%PDF-")
    one = ("export", *TINY, "--from", "10", "--to", "10", "--depth", "term", "--size", "800x600")
    output(capsys, *one, "--scale", "2", "--theme", "dark", "-o", str(tmp_path / "one.png"))
    image = QImage(str(tmp_path / "one.png"))
    assert (image.width(), image.height()) == (1600, 1200)
    output(capsys, *one, "--order", "source", "-o", str(tmp_path / "one.svg"))
    assert 'viewBox="0 0 800 600"' in (tmp_path / "one.svg").read_text("utf-8")


@pytest.mark.skipif(sys.platform == "win32", reason="there a process is ended without a signal")
@pytest.mark.parametrize("name", ["all.gif", "all.pdf", "all.pptx", "folder"])
def test_an_export_that_is_told_to_end_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, qapp: object
) -> None:
    from backpropviz.figures.slides.deck import SlideRange

    made = SlideRange.slide

    def interrupted(slides: SlideRange, number: int) -> object:
        if number == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return made(slides, number)

    monkeypatch.setattr(SlideRange, "slide", interrupted)
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as ended:
        main(list(exported("-o", str(tmp_path / name))))
    assert ended.value.code == 128 + signal.SIGTERM
    assert not list(tmp_path.iterdir())
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize(
    ("code", "words", "said"),
    [
        (2, ("-o", "out.doc"), "unknown suffix"),
        (2, ("-o", "out.png"), "can hold one frame, not 4"),
        (2, ("-o", "x", "--size", "big"), "no frame size"),
        (2, ("-o", "x", "--size", "9x9"), "64"),
        (2, ("-o", "x", "--scale", "0"), "--scale"),
        (2, ("-o", "x", "--scale", "nan"), "--scale"),
        (2, ("-o", "x", "--depth", "atom"), "atom"),
        (3, ("-o", "x", "--to", "999999"), "no step 999999"),
        (3, ("-o", "x", "--to", "9" * 5000), "no step"),
        (3, ("-o", "x", "--to", "image[0,0,0,0]"), "given"),
        (3, ("-o", "x", "--to", "0"), "no step 0: give a number from 1 to 105"),
        (3, ("-o", "x", "--to", "1"), "exchange the two ends"),
    ],
)
def test_exports_that_are_refused(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    code: int,
    words: tuple[str, ...],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert said in complaint(capsys, code, *exported(*words))
    assert list(tmp_path.iterdir()) == []


def test_progress_is_for_terminals(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert main(exported("--format", "svg", "-o", str(tmp_path / "a"))) == 0
    assert capsys.readouterr().err.endswith("\r4 of 4 frames\n")


def replaced_record(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def run(_: object) -> int:
        raise error

    command = CliCommand(lambda _: None, run, "")
    monkeypatch.setitem(COMMANDS, "doctor", command)


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (ZeroDivisionError("by\nzero"), 1, "bug in BackpropViz (ZeroDivisionError: by zero)"),
        (ImportError("no x", name="x"), 4, "backpropviz doctor"),
        (MemoryError(), 3, "memory"),
        (OSError(28, "No space left on device"), 3, "no space left on device"),
    ],
)
def test_what_nobody_foresaw_is_a_sentence(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    code: int,
    said: str,
) -> None:
    replaced_record(monkeypatch, error)
    assert said in complaint(capsys, code, "doctor")


def test_debug_shows_the_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    replaced_record(monkeypatch, ZeroDivisionError("zero"))
    assert main(["--debug", "doctor"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_interruption_is_silent(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    replaced_record(monkeypatch, KeyboardInterrupt())
    assert main(["doctor"]) == 130
    assert capsys.readouterr().err == ""


@pytest.mark.skipif(os.name == "nt", reason="pipes break in another way there")
def test_a_reader_that_leaves_is_no_error() -> None:
    words = ["-m", "backpropviz", "explain", "loss", *TINY, "--json"]
    reading, writing = os.pipe()
    os.close(reading)
    done = run_python(*words, stdout=writing)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


def without_display() -> dict[str, str]:
    """The environment of a machine that cannot show a window."""
    displays = {"DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"}
    return {name: value for name, value in os.environ.items() if name not in displays}


def test_without_a_display_the_window_says_what_to_type() -> None:
    bare = without_display()
    done = run_python("-m", "backpropviz", env=bare)
    if not sys.platform.startswith("linux"):
        pytest.skip("a window is always possible there")
    assert done.returncode == 4
    assert "There is no display here" in done.stderr
    assert done.stderr.count("\n") == 1


def test_export_needs_no_display_whatever_platform_is_chosen(tmp_path: Path) -> None:
    bare = without_display()
    goal = tmp_path / "one.png"
    words = ["export", *TINY, "--from", "3", "--to", "3", "--depth", "term", "-o", str(goal)]
    done = run_python("-m", "backpropviz", *words, env={**bare, "QT_QPA_PLATFORM": "xcb"})
    assert (done.returncode, done.stderr) == (0, "")
    assert goal.read_bytes().startswith(b"\x89PNG")


def test_the_command_records_what_the_engine_does(tmp_path: Path) -> None:
    model = load_network("lenet")
    assert model.example is not None
    path = tmp_path / "tape.npz"
    assert main(["record", "--network", "lenet", "-o", str(path)]) == 0
    tape = engine_record(
        model.network,
        model.parameters,
        model.example.image,
        model.example.target,
        model.optimizer,
    )
    with np.load(path) as arrays:
        assert set(arrays.files) == {str(address) for address in tape}
        for name in arrays.files:
            assert np.array_equal(arrays[name], tape[name]), name


def test_ctrl_c_while_the_program_is_loaded_prints_no_traceback() -> None:
    code = (
        "import builtins, sys\n"
        "from backpropviz.__main__ import main\n"
        "plain = builtins.__import__\n"
        "def interrupted(name, *rest):\n"
        "    if name == 'backpropviz.cli.commands':\n"
        "        raise KeyboardInterrupt\n"
        "    return plain(name, *rest)\n"
        "builtins.__import__ = interrupted\n"
        "sys.exit(main())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "")


def test_a_mode_is_chosen_on_the_command_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    words = ("explain", "loss", "--network", str(moded_file(tmp_path)))
    plain = output(capsys, *words)
    assert plain == output(capsys, *words, "--mode", "train", "--dropout-seed", "0")
    assert plain != output(capsys, *words, "--dropout-seed", "3")
    used = output(capsys, *words, "--mode", "eval")
    assert used != plain
    own = ("explain", "loss", "--network", str(moded_file(tmp_path, "own.json", mode="eval")))
    assert used == output(capsys, *own)
    for mode in ("train", "eval"):
        text = output(capsys, "check", *words[2:], "--mode", mode, "--per-array", "5")
        assert text.endswith("agree.\n")
    path = tmp_path / "tape.npz"
    output(capsys, "record", *words[2:], "-o", str(path))
    with np.load(path) as arrays:
        assert "drop1.mask" in arrays.files
    assert main((*words, "--mode", "use")) == 2
    assert main((*words, "--dropout-seed", "-1")) == 2
    assert main(("explain", "loss", "--network", str(lone_file(tmp_path)))) == 3
    assert "record the pass in the mode eval" in capsys.readouterr().err
