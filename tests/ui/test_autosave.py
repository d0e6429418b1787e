"""What is open is kept while it changes, and offered where a window has left it."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QTimer
from PySide6.QtWidgets import QApplication, QPushButton
from pytestqt.qtbot import QtBot

from backpropviz.debugger.commands import GoTo, Over
from backpropviz.engine.architecture.edits import remove
from backpropviz.errors import UserError
from backpropviz.ui import kept_work
from backpropviz.ui.autosave import ClosingDialog
from backpropviz.ui.controls import Notice
from backpropviz.ui.kept_work import WorkFolder, left_work
from backpropviz.ui.main_window import MainWindow
from backpropviz.ui.process import ended_by_signals
from backpropviz.ui.recent import last_session_file
from backpropviz.ui.workbench import Workbench
from tests.engine.training.runs import same
from tests.ui.conftest import LONG_MS, Open
from tests.ui.training.conftest import small_run

Again = Callable[[], MainWindow]


@pytest.fixture
def again(qtbot: QtBot) -> Iterator[Again]:
    """Further windows, each as after a start."""
    made: list[MainWindow] = []

    def start() -> MainWindow:
        window = MainWindow("light")
        made.append(window)
        with qtbot.waitSignal(window.ready, timeout=LONG_MS):
            window.resize(1280, 800)
            window.show()
        return window

    yield start
    for window in made:
        window.close()
        window.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def bench_of(window: MainWindow) -> Workbench:
    assert window.workbench is not None
    return window.workbench


def keep(window: MainWindow, qtbot: QtBot) -> WorkFolder | None:
    autosave = bench_of(window).autosave
    with qtbot.waitSignal(autosave.kept, timeout=LONG_MS):
        autosave.save()
    return autosave.folder


def crashed(window: MainWindow, qtbot: QtBot, place: Path) -> None:
    """What a window that was killed has left: its folder as it was then, and a dead lock."""
    folder = keep(window, qtbot)
    assert folder is not None
    copy = place / "open" / "crashed"
    shutil.copytree(folder.path, copy)
    (copy / "lock").unlink()


def resumed(window: MainWindow, qtbot: QtBot) -> Workbench:
    bench = bench_of(window)
    with qtbot.waitSignals([bench.resuming.resumed, bench.autosave.kept], timeout=LONG_MS):
        bench.resuming.resume()
    return bench


def train(window: MainWindow, qtbot: QtBot, updates: int) -> None:
    room = bench_of(window).training.room
    room.begin(small_run(), starts=False)
    with qtbot.waitSignal(
        room.controller.changed,
        timeout=LONG_MS,
        check_params_cb=lambda _, new: new.run is not None and new.run.now.iteration == updates,
    ):
        room.controller.go(updates)


def draft(window: MainWindow) -> None:
    editor = bench_of(window).editor
    editor.new_network()
    assert editor.editor is not None
    last = editor.editor.controller.draft.names[-1]
    editor.editor.controller.edit("remove", lambda found: remove(found, last))


def test_a_pass_is_resumed_where_it_stood(
    window: MainWindow, open_in: Open, again: Again, qtbot: QtBot, data_folder: Path
) -> None:
    open_in("lenet")
    bench = bench_of(window)
    bench.controller.dispatch(GoTo(1000))
    keep(window, qtbot)
    bench.controller.dispatch(Over())
    opened = bench.controller.opened
    assert opened is not None
    crashed(window, qtbot, data_folder)
    window.close()
    other = again()
    offer = bench_of(other).resuming.offer()
    assert offer is not None
    found = resumed(other, qtbot).controller.opened
    assert found is not None
    assert found.state.k == opened.state.k
    assert found.view.tape.loss == opened.view.tape.loss
    assert not (data_folder / "open" / "crashed").exists()
    assert not bench_of(other).resuming.has_offer


def test_a_run_and_a_draft_are_resumed(
    window: MainWindow, again: Again, qtbot: QtBot, data_folder: Path
) -> None:
    train(window, qtbot, 11)
    draft(window)
    bench = bench_of(window)
    run, kept = bench.training.room.controller.state.run, bench.editor.unsaved
    assert run is not None
    assert kept is not None
    assert bench.autosave.unsaved() == (
        "run “digits” at update 11",
        f"network “{kept.title}” in the editor",
    )
    crashed(window, qtbot, data_folder)
    window.close()
    shutil.rmtree(next(p for p in (data_folder / "open").iterdir() if p.name != "crashed"))
    other = resumed(again(), qtbot)
    found = other.training.room.controller.state.run
    assert found is not None
    assert same(found.now, run.now)
    assert len(found.history) == 11
    assert other.training.is_shown
    assert other.editor.unsaved == kept
    assert other.editor.editor is not None
    assert len(other.autosave.unsaved()) == 2


def test_an_update_in_the_debugger_is_resumed(
    window: MainWindow, again: Again, qtbot: QtBot, data_folder: Path
) -> None:
    train(window, qtbot, 5)
    bench = bench_of(window)
    with qtbot.waitSignal(bench.controller.state_changed, timeout=LONG_MS):
        bench.training.room.controller.find_moment(4)
    bench.controller.dispatch(GoTo(77))
    opened = bench.controller.opened
    assert opened is not None
    crashed(window, qtbot, data_folder)
    window.close()
    shutil.rmtree(next(p for p in (data_folder / "open").iterdir() if p.name != "crashed"))
    other = bench_of(again())
    with qtbot.waitSignal(other.controller.state_changed, timeout=LONG_MS):
        other.resuming.resume()
    found = other.controller.opened
    assert found is not None
    assert (found.state.k, found.view.tape.loss) == (77, opened.view.tape.loss)


def test_a_window_closed_with_unsaved_work_keeps_it(
    window: MainWindow, again: Again, qtbot: QtBot
) -> None:
    train(window, qtbot, 3)
    bench = bench_of(window)
    bench.training.room.controller.go()
    window.close()
    run = bench.training.room.controller.state.run
    assert run is not None
    other = resumed(again(), qtbot)
    found = other.training.room.controller.state.run
    assert found is not None
    assert found.now.iteration == run.live.now.iteration >= 3
    assert len(found.history) == found.now.iteration


def test_what_is_in_a_file_leaves_nothing(
    window: MainWindow, open_in: Open, qtbot: QtBot, tmp_path: Path, data_folder: Path
) -> None:
    open_in("tiny-max")
    train(window, qtbot, 3)
    room = bench_of(window).training.room
    with qtbot.waitSignal(room.asked.files.kept, timeout=LONG_MS):
        number = room.controller.state.current
        room.controller.saved(partial(room.asked.files.save, tmp_path / "run.bpv", number=number))
    assert bench_of(window).autosave.unsaved() == ()
    keep(window, qtbot)
    window.close()
    assert list((data_folder / "open").iterdir()) == []
    assert last_session_file().exists()


def test_two_windows_keep_apart(
    window: MainWindow, open_in: Open, again: Again, qtbot: QtBot
) -> None:
    open_in("tiny-max")
    first = keep(window, qtbot)
    other = again()
    assert not bench_of(other).resuming.has_offer
    with qtbot.waitSignal(bench_of(other).controller.state_changed, timeout=LONG_MS):
        other.open_example()
    second = keep(other, qtbot)
    assert first is not None
    assert second is not None
    assert first.path != second.path
    assert left_work() == ()


def test_what_is_kept_is_discarded_when_asked_twice(
    window: MainWindow, open_in: Open, again: Again, qtbot: QtBot, data_folder: Path
) -> None:
    open_in("tiny-max")
    crashed(window, qtbot, data_folder)
    bench = bench_of(again())
    offer = bench.resuming.offer()
    assert offer is not None
    qtbot.addWidget(offer)
    offer.discard.click()
    assert (data_folder / "open" / "crashed").exists()
    offer.discard.click()
    assert not bench.resuming.has_offer
    assert not (data_folder / "open" / "crashed").exists()


def test_an_empty_folder_of_a_dead_window_goes(data_folder: Path) -> None:
    (data_folder / "open" / "empty").mkdir(parents=True)
    assert left_work() == ()
    assert list((data_folder / "open").iterdir()) == []


def test_a_disk_that_refuses_is_told_once(
    window: MainWindow, open_in: Open, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_in("tiny-max")
    autosave = bench_of(window).autosave
    told: list[object] = []
    autosave.failed.connect(told.append)
    with monkeypatch.context() as changed:
        changed.setattr(kept_work, "write_bytes", _refuse)
        for _ in range(2):
            with qtbot.waitSignal(autosave._writer.failed, timeout=LONG_MS):
                autosave.save()
    assert len(told) == 1
    assert keep(window, qtbot) is not None


def _refuse(path: Path, _content: bytes) -> None:
    raise UserError(f"{path} cannot be written: no space left on device.")


@pytest.mark.parametrize("button", ["cancel", "discard", "keep"])
def test_closing_asks_where_work_is_unsaved(
    button: str, window: MainWindow, qtbot: QtBot, data_folder: Path
) -> None:
    train(window, qtbot, 2)
    window.asks_before_closing = True
    seen: list[ClosingDialog] = []

    def answer() -> None:
        dialog = QApplication.activeModalWidget()
        assert isinstance(dialog, ClosingDialog)
        seen.append(dialog)
        getattr(dialog, button).click()

    QTimer.singleShot(0, answer)
    assert window.close() == (button != "cancel")
    assert len(seen) == 1
    left = left_work()
    assert len(left) == (button == "keep")
    for folder in left:
        assert folder.summary().is_closed
        folder.let_go()
    window.asks_before_closing = False


def test_a_window_stays_where_the_disk_would_not_keep_its_work(
    window: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(window, qtbot, 2)
    window.asks_before_closing = True
    usage = shutil.disk_usage(".")
    with monkeypatch.context() as changed:
        changed.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
        QTimer.singleShot(0, _keep_and_close)
        assert not window.close()
    assert "no space left on device" in window.findChildren(Notice)[-1].text
    window.asks_before_closing = False


def _keep_and_close() -> None:
    dialog = QApplication.activeModalWidget()
    assert isinstance(dialog, ClosingDialog)
    dialog.keep.click()


def test_closing_asks_nothing_where_nothing_is_lost(window: MainWindow, open_in: Open) -> None:
    open_in("tiny-max")
    window.asks_before_closing = True
    assert window.close()


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_closes_the_window_in_order(name: str) -> None:
    number, asked = getattr(signal, name), []
    before = signal.getsignal(number)
    with ended_by_signals() as ending:
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            signal.raise_signal(number)
        ending.close = lambda: asked.append(name)
        signal.raise_signal(number)
        signal.raise_signal(number)
    assert asked == [name, name]
    assert signal.getsignal(number) is before


def test_what_can_be_resumed_is_named(
    window: MainWindow, open_in: Open, again: Again, qtbot: QtBot, data_folder: Path
) -> None:
    open_in("tiny-max")
    train(window, qtbot, 2)
    crashed(window, qtbot, data_folder)
    window.close()
    other = again()
    page = other.start_page
    QCoreApplication.sendPostedEvents()
    texts = [b.text().strip() for b in page.findChildren(QPushButton) if b.isVisibleTo(page)]
    found = [text for text in texts if text.startswith("Resume")]
    assert len(found) == len(set(found))
    assert all(text.split() != ["Resume"] for text in found)
    assert "Resume the debugging session and the run" in found or "Resume the run" in found
