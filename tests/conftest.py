"""One environment for all tests, set before Qt is loaded, and nothing left behind by Qt tests."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.update(LC_ALL="C.UTF-8", LANGUAGE="en", QT_SCALE_FACTOR="1", NO_COLOR="1")

import pytest
from hypothesis import HealthCheck, settings

from backpropviz.assets import resource, resource_names

settings.register_profile(
    "steady",
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("explore", deadline=None, max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))

QT_FIXTURES = {"qapp", "qtbot"}
FAILED = pytest.StashKey[bool]()


@pytest.fixture(scope="session")
def qapp(qapp: object, tmp_path_factory: pytest.TempPathFactory) -> object:
    """Give every machine the same fonts, locale and empty settings."""
    from PySide6.QtCore import QLocale, QSettings, QStandardPaths
    from PySide6.QtGui import QFont, QFontDatabase
    from PySide6.QtWidgets import QApplication

    for name in resource_names("fonts", ".ttf"):
        assert QFontDatabase.addApplicationFont(str(resource("fonts", name))) >= 0
    font = QFont("Inter")
    font.setPixelSize(13)
    font.setHintingPreference(QFont.HintingPreference.PreferNoHinting)
    QApplication.setFont(font)
    QLocale.setDefault(QLocale.c())
    QStandardPaths.setTestModeEnabled(True)
    folder = str(tmp_path_factory.mktemp("settings"))
    for kind in (QSettings.Format.NativeFormat, QSettings.Format.IniFormat):
        QSettings.setPath(kind, QSettings.Scope.UserScope, folder)
    return qapp


@pytest.fixture(autouse=True)
def _no_qt_leaks(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a Qt test that leaves a widget, a thread or a timer; others pay nothing."""
    if QT_FIXTURES.isdisjoint(request.fixturenames):
        yield
        return
    request.getfixturevalue("qapp")
    from tests.leaks import find_leaks, new_leaks

    before = find_leaks()
    yield
    # A failed test's traceback keeps its widgets alive.
    if not request.node.stash.get(FAILED, False):
        assert new_leaks(before) == []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember a failure for the fixtures that are torn down after it."""
    report = yield
    if call.when == "call":
        item.stash[FAILED] = report.failed
    return report
