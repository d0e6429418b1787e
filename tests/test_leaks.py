from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QThread, QTimer
from PySide6.QtWidgets import QWidget

from tests.leaks import find_leaks, new_leaks

pytestmark = pytest.mark.usefixtures("qapp")


@pytest.fixture
def thread() -> Iterator[QThread]:
    running = QThread()
    yield running
    running.quit()
    running.wait()


def test_a_forgotten_widget_is_found_and_a_deleted_one_is_not() -> None:
    before = find_leaks()
    widget = QWidget()
    widget.setObjectName("forgotten")
    assert new_leaks(before) == ["widget QWidget 'forgotten'"]
    widget.deleteLater()
    assert new_leaks(before) == []


def test_a_widget_in_a_cycle_is_no_leak() -> None:
    before = find_leaks()
    widget = QWidget()
    widget.__dict__["itself"] = widget
    del widget
    assert new_leaks(before) == []


def test_a_child_belongs_to_its_parent() -> None:
    before = find_leaks()
    parent = QWidget()
    QWidget(parent)
    assert len(new_leaks(before)) == 1
    parent.deleteLater()


def test_a_running_timer_is_found_and_a_stopped_one_is_not() -> None:
    before = find_leaks()
    timer = QTimer()
    timer.start(60_000)
    assert new_leaks(before) == ["timer QTimer '', every 60000 ms"]
    timer.stop()
    assert new_leaks(before) == []


def test_a_running_qthread_is_found(thread: QThread) -> None:
    before = find_leaks()
    thread.start()
    assert new_leaks(before) == ["QThread QThread ''"]
    thread.quit()
    assert thread.wait()
    assert new_leaks(before) == []


def test_a_running_thread_is_found() -> None:
    before = find_leaks()
    stop = threading.Event()
    worker = threading.Thread(target=stop.wait, name="worker")
    worker.start()
    found = new_leaks(before)
    stop.set()
    worker.join()
    assert found == ["thread worker"]
    assert new_leaks(before) == []
