"""Windows within the screen: small ones, and large ones at a high scale."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real_window.driver import RealWindow

SCREENS = {
    "1366x768": ((1366, 768), "1"),
    "1440x900": ((1440, 900), "1"),
    "1920x1080": ((1920, 1080), "1"),
    "1920x1080 at 1.5": ((1920, 1080), "1.5"),
    "1920x1080 at 2": ((1920, 1080), "2"),
}
OUTSIDE = (
    "[(type(t).__name__, str(t.frameGeometry())) for t in tops"
    " if not t.screen().geometry().contains(t.frameGeometry())]"
)
DIALOGS = {
    "ctrl+e": "ExportDialog",
    "ctrl+comma": "PreferencesDialog",
    "F1": "ShortcutSheet",
    "ctrl+shift+i": "NetworkDialog",
    "ctrl+F9": "BreakpointDialog",
    "ctrl+i": "FittingDialog",
    "ctrl+alt+n": "NewRunDialog",
    "ctrl+n": "NetworkEditor",
    "n": "NudgeLab",
    "w": "AncestryWindow",
    "ctrl+shift+k": "ConventionsWindow",
    "ctrl+shift+g": "CheckWindow",
}


@pytest.fixture(scope="module", params=SCREENS)
def on_screen(request: pytest.FixtureRequest, _screens: None) -> Iterator[RealWindow]:
    """The window on one of the screens."""
    size, scale = SCREENS[request.param]
    with RealWindow("--network", "lenet", size=size, scale=scale) as window:
        yield window


def test_all_windows_fit_and_their_buttons_can_be_reached(on_screen: RealWindow) -> None:
    on_screen.close_all()
    on_screen.until(f"not {OUTSIDE}")
    transport = "window.workbench.transport"
    unseen = (
        f"[b.accessibleName() for b in {transport}.findChildren(QWidget) if b.isVisible()"
        " and b.visibleRegion().boundingRect().size() != b.size()]"
    )
    assert on_screen.ask(unseen) == []
    on_screen.keys("ctrl+g")
    on_screen.until("target() == 'SearchLine'")
    on_screen.type("conv1.weight.grad[0,0,0,1]")
    on_screen.keys("Return")
    on_screen.until("target() == 'StageView'")
    found = []
    for key, kind in DIALOGS.items():
        on_screen.keys(key)
        on_screen.until(f"type(app.activeWindow()).__name__ == '{kind}'")
        on_screen.until(f"not {OUTSIDE}")
        hidden = (
            "[b.text() for b in of_kind('QPushButton') if b.window() is app.activeWindow()"
            " and not b.visibleRegion().boundingRect().height() and not in_scroll_area(b)]"
        )
        found += [(kind, text) for text in on_screen.ask(hidden)]
        on_screen.close_all()
    assert found == []


def test_a_dialog_opens_over_its_window_and_shows_all(on_screen: RealWindow) -> None:
    on_screen.close_all()
    for key, kind in {"ctrl+e": "ExportDialog", "ctrl+comma": "PreferencesDialog"}.items():
        on_screen.keys(key)
        on_screen.until(f"type(app.activeWindow()).__name__ == '{kind}'")
        on_screen.until(
            "(app.activeWindow().frameGeometry().center() - window.frameGeometry().center())"
            ".manhattanLength() < 40"
        )
        bars = "[b for b in of_kind('QScrollBar') if b.window() is app.activeWindow()]"
        assert on_screen.ask(f"len({bars})") == 0
        on_screen.close_all()


def test_the_training_fits(on_screen: RealWindow) -> None:
    on_screen.close_all()
    on_screen.ask("begin_run()")
    on_screen.until("window.workbench.training.is_shown")
    on_screen.until(f"not {OUTSIDE}")
    controls = "window.workbench.training.room.page.controls"
    unseen = (
        f"[b.text() for b in {controls}.findChildren(QPushButton) if b.isVisible()"
        " and b.visibleRegion().boundingRect().size() != b.size()]"
    )
    assert on_screen.ask(unseen) == []


def test_a_geometry_from_a_larger_screen_fits_a_smaller_one(tmp_path: Path) -> None:
    for size in ((1920, 1080), (1366, 768)):
        with RealWindow("--network", "tiny-max", size=size, home=tmp_path) as window:
            window.until(f"not {OUTSIDE}")
            if size == (1920, 1080):
                window.ask("window.setGeometry(300, 80, 1600, 980)")
                window.until("window.width() == 1600")
            window.ask("QTimer.singleShot(0, window.close)")
            window.program.wait(30)
