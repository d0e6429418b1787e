"""How widgets look: Fusion with an explicit palette and a style sheet made from a theme."""

from __future__ import annotations

from dataclasses import asdict
from functools import lru_cache
from typing import Final

from PySide6.QtCore import QByteArray, QRectF, QSettings, QSize
from PySide6.QtGui import QColor, QGuiApplication, QIcon, QPainter, QPalette, QPixmap
from PySide6.QtWidgets import QApplication

from backpropviz.assets import resource
from backpropviz.paint.families import qfont
from backpropviz.scene.theme import BODY, Color, Theme, theme

THEME_CHOICES: Final = ("system", "light", "dark")
_THEME_KEY: Final = "theme"
_DESKTOP: Final = "backpropvizDesktop"


def chosen_theme_name() -> str:
    """What the person has chosen: system, light or dark."""
    name = str(QSettings().value(_THEME_KEY, "system"))
    return name if name in THEME_CHOICES else "system"


def choose_theme(name: str) -> None:
    """Remember a choice: system, light or dark."""
    QSettings().setValue(_THEME_KEY, name)


def resolve_theme(name: str) -> Theme:
    """The theme of that name; `system` asks the desktop."""
    if name in {"light", "dark"}:
        return theme("dark" if name == "dark" else "light")
    application = QGuiApplication.instance()
    is_dark = application is not None and application.property(_DESKTOP) == "dark"
    return theme("dark" if is_dark else "light")


def note_desktop(application: QApplication) -> None:
    """Before the first palette of ours: see whether the desktop's is dark."""
    ground = application.palette().color(QPalette.ColorRole.Window)
    application.setProperty(_DESKTOP, "dark" if ground.lightness() < 128 else "light")


def remember_desktop() -> None:
    """After the desktop has changed: see which scheme it has now."""
    from PySide6.QtCore import Qt

    application = QGuiApplication.instance()
    if application is not None:
        is_dark = QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark
        application.setProperty(_DESKTOP, "dark" if is_dark else "light")


def apply_theme(application: QApplication, colors: Theme) -> None:
    """Dress every widget; an unchanged theme costs nothing."""
    if application.property("backpropvizTheme") == colors.name:
        return
    application.setProperty("backpropvizTheme", colors.name)
    application.setStyle("Fusion")
    application.setFont(qfont(BODY))
    application.setPalette(_palette(colors))
    application.setStyleSheet(style_sheet(colors))


def _palette(colors: Theme) -> QPalette:
    role = QPalette.ColorRole
    result = QPalette()
    for where, color in (
        (role.Window, colors.panel),
        (role.WindowText, colors.text),
        (role.Base, colors.field),
        (role.AlternateBase, colors.stage),
        (role.Text, colors.text),
        (role.PlaceholderText, colors.text_tertiary),
        (role.Button, colors.panel),
        (role.ButtonText, colors.text),
        (role.BrightText, colors.breakpoint),
        (role.ToolTipBase, colors.panel),
        (role.ToolTipText, colors.text),
        (role.Highlight, colors.update),
        (role.HighlightedText, "#FFFFFF" if colors.name == "light" else colors.stage),
        (role.Link, colors.update),
        (role.LinkVisited, colors.backward),
        (role.Light, colors.hover),
        (role.Midlight, colors.hover),
        (role.Mid, colors.border_strong),
        (role.Dark, colors.border_strong),
        (role.Shadow, colors.border),
    ):
        result.setColor(where, QColor(color))
    for where in (role.WindowText, role.Text, role.ButtonText):
        result.setColor(QPalette.ColorGroup.Disabled, where, QColor(faint(colors)))
    return result


def faint(colors: Theme) -> str:
    """Text of what cannot be used now."""
    return "#9AA1AB" if colors.name == "light" else "#6A727D"


def style_sheet(colors: Theme) -> str:
    """The sheet of one theme."""
    roles: dict[str, str] = {
        name: value for name, value in asdict(colors).items() if value.startswith("#")
    }
    roles["faint"] = faint(colors)
    roles["strong_hover"] = "#343943" if colors.name == "light" else "#D5D8DD"
    sheet = _SHEET
    for name in sorted(roles, key=len, reverse=True):
        sheet = sheet.replace(f"@{name}", roles[name])
    return sheet


_SHEET: Final = """
QMainWindow, QMenuBar, QToolBar, #Chrome { background: @chrome; }
QMainWindow::separator { background: @border; width: 1px; height: 1px; }
QMenuBar { border: none; padding: 2px 8px; font-size: 12px; }
QMenuBar::item { padding: 4px 8px; border-radius: 5px; background: transparent; }
QMenuBar::item:selected { background: @hover; }
QMenu { background: @panel; border: 1px solid @border_strong; padding: 5px; font-size: 12px; }
QMenu::item { padding: 5px 28px 5px 26px; border-radius: 5px; }
QMenu::item:selected { background: @hover; color: @text; }
QMenu::item:disabled { color: @faint; background: transparent; }
QMenu::separator { height: 1px; background: @border; margin: 5px 4px; }
QMenu::icon { left: 6px; }
QMenu::indicator { width: 14px; height: 14px; left: 6px; }
QToolTip { background: @panel; color: @text; border: 1px solid @border_strong; padding: 5px 7px;
  font-size: 12px; }
QToolBar { border: none; border-bottom: 1px solid @border; padding: 0; spacing: 0; }
QStatusBar { background: @chrome; border-top: 1px solid @border; font-size: 12px; }
QStatusBar::item { border: none; }
QStatusBar QLabel { font-size: 12px; color: @text_secondary; }
QStatusBar[mood="paused"] { background: @status_paused; border-top: none; }
QStatusBar[mood="training"] { background: @status_training; border-top: none; }
QStatusBar[mood="paused"] QLabel, QStatusBar[mood="training"] QLabel { color: @status_text; }

QDockWidget { border: none; }
#Panel { background: @panel; }
#TrainingPage { background: @border; }
#TrainingStage { background: @stage; }
#PanelTitle { font-size: 12px; font-weight: 600; color: @text; }
#PanelNote, #Note { font-size: 12px; color: @text_secondary; }
#Row { font-size: 12px; }
#Mono { font-family: "JetBrains Mono"; font-size: 12px; }
#Heading { font-size: 16px; font-weight: 600; }
#Section { font-size: 13px; font-weight: 600; }
#Hairline { background: @border; max-height: 1px; min-height: 1px; border: none; }
#Divider { background: @border_strong; max-width: 1px; min-width: 1px; border: none; }

#StartPage { background: @stage; }
#Card { background: @panel; border: 1px solid @border; border-radius: 12px; }
#Secondary { color: @text_secondary; }
#Tertiary { color: @text_tertiary; }
#Plain, #Secondary, #Tertiary { background: transparent; }
QPushButton { background: @field; border: 1px solid @border_strong; border-radius: 6px;
  padding: 0 14px; min-height: 26px; font-size: 13px; font-weight: 500; }
QPushButton:hover { background: @hover; }
QPushButton:pressed { background: @selected; }
QPushButton:disabled { color: @faint; border-color: @border; }
QPushButton:focus, QToolButton:focus, QLineEdit:focus, QSpinBox:focus,
QDoubleSpinBox:focus { border: 2px solid @update; }
QPushButton:focus { padding: 0 13px; min-height: 24px; }
QPushButton#Primary { background: @text; border: 1px solid @text; color: @panel; }
QPushButton#Search { background: @field; padding: 0; font-weight: 400; }
QPushButton#Primary:hover { background: @strong_hover; }
QPushButton#Primary:disabled { background: @border_strong; border-color: @border_strong; }
QPushButton#Primary:focus { border: 2px solid @update; }

QPushButton#RecentRow { background: @panel; border: 1px solid @border; border-radius: 8px;
  padding: 0; }
QPushButton#RecentRow:hover { background: @hover; }
QPushButton#RecentRow:focus { border: 2px solid @update; }
#ListCard { background: @panel; border: 1px solid @border; border-radius: 8px; }
QPushButton#LessonRow { background: transparent; border: none; border-radius: 6px; padding: 0; }
QPushButton#LessonRow:hover { background: @hover; }
QPushButton#LessonRow:focus { border: 2px solid @update; }
#Tag { color: @text; border: 1px solid @border_strong; border-radius: 5px; padding: 1px 7px; }
#LessonCard, #TaskCard { background: @stage; border: 1px solid @border; border-radius: 8px; }
#TaskCard { border-left: 3px solid @here; }
#TaskCard[state="done"] { border-left: 3px solid @ok; }
#SwitchNotice { background: @update_tint; }
QPushButton#Quiet { background: transparent; border-color: transparent; color: @text_secondary;
  padding: 0 8px; font-weight: 400; }
QPushButton#Quiet:hover { background: @hover; color: @text; }
QPushButton#Quiet:focus { border: 2px solid @update; padding: 0 7px; }
QPushButton#Choice { padding: 0; }
QPushButton#Choice:focus { border: 2px solid @update; padding: 0; }
QPushButton#Choice[verdict="right"] { background: @forward_tint; border: 1px solid @ok; }
QPushButton#Choice[verdict="wrong"] { background: @field; border: 1px solid @here; }

QPushButton#DropStrip { background: transparent; border: 1px dashed @border_strong;
  min-height: 42px;  border-radius: 10px; color: @text_secondary; font-weight: 400; }
QPushButton#DropStrip:hover { background: @hover; }
QPushButton#DropStrip:focus { border: 2px solid @update; }

QToolButton { border: 1px solid transparent; border-radius: 6px; background: transparent;
  font-size: 12px; }
QToolButton:hover { background: @hover; }
QToolButton:pressed, QToolButton:checked { background: @selected; }
QToolButton:disabled { color: @faint; }
QToolButton::menu-indicator { image: none; }
QToolButton#Chip { background: @field; border: 1px solid @border_strong; padding: 0; }
QToolButton#Chip:hover { background: @hover; }
QToolButton#Chip:focus { border: 2px solid @update; }
QToolButton#Export { background: @text; color: @panel; font-weight: 600; padding: 0 12px 0 8px;
  border: 1px solid @text; }
QToolButton#Export:hover { background: @strong_hover; }
QToolButton#Export:disabled { background: @border_strong; border-color: @border_strong; }
QToolButton#Export:focus { border: 2px solid @update; }
#Segmented { background: @hover; border-radius: 7px; }
#Segmented QToolButton { border-radius: 5px; padding: 0 9px; color: @text_secondary;
  font-size: 12px; border: 1px solid transparent; }
#Segmented[compact="true"] QToolButton { padding: 0 4px; }
#Segmented QToolButton:hover { color: @text; }
#Segmented QToolButton:checked { background: @selected; color: @text; font-weight: 600;
  border: 1px solid @border; }
#Segmented QToolButton:disabled { color: @faint; }
#Segmented QToolButton:focus { border: 2px solid @update; padding: 0 8px; }

QLineEdit, QSpinBox, QDoubleSpinBox { background: @field; min-height: 26px;
  border: 1px solid @border_strong; border-radius: 6px; padding: 0 8px; font-size: 12px;
  selection-background-color: @update; }
QLineEdit:focus { padding: 0 7px; min-height: 24px; }
QLineEdit:disabled { color: @faint; }
QLineEdit#StepField { font-family: "JetBrains Mono"; font-weight: 600; padding: 0 6px; }
QSpinBox::up-button, QSpinBox::down-button, QDoubleSpinBox::up-button,
QDoubleSpinBox::down-button { width: 0; border: none; }

QCheckBox::indicator:unchecked { width: 13px; height: 13px; background: @field;
  border: 1px solid @border_strong; border-radius: 3px; }
#EditorStage { background: @stage; }
#EditorDivider { background: @border; }
QLineEdit#EditorTitle { background: transparent; border: 1px solid transparent; font-size: 16px;
  font-weight: 600; }
QLineEdit#EditorTitle:hover { background: @field; border: 1px solid @border_strong; }
QLineEdit#EditorTitle:focus { background: @field; border: 2px solid @update; }
#Alert { background: @alert_fill; border: 1px solid @alert_border; border-radius: 8px;
  color: @alert_title; padding: 8px 10px; font-size: 12px; }
#Refusal, #Note[isWrong="true"] { color: @alert_title; }

QListWidget, QTreeWidget, QListView { background: @panel; border: none; outline: none;
  font-size: 12px; }
QListWidget::item { padding: 0 16px; }
QListWidget::item:hover { background: @hover; }
QListWidget::item:selected { background: @update_tint; color: @text; }
QScrollArea, QAbstractScrollArea { border: none; }
QScrollArea > QWidget > #Panel { background: @panel; }
QScrollBar:vertical { background: transparent; width: 10px; margin: 0; }
QScrollBar:horizontal { background: transparent; height: 10px; margin: 0; }
QScrollBar::handle { background: @border_strong; border-radius: 3px; margin: 2px; }
QScrollBar::handle:vertical { min-height: 28px; }
QScrollBar::handle:horizontal { min-width: 28px; }
QScrollBar::handle:hover { background: @text_tertiary; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
QProgressBar { background: @hover; border: none; border-radius: 3px; min-height: 6px;
  max-height: 6px; }
QProgressBar::chunk { background: @update; border-radius: 3px; }
QDialog, #DialogBody { background: @panel; }
#Floating { background: @panel; border: 1px solid @border_strong; border-radius: 10px; }
QTabBar::tab { padding: 6px 12px; font-size: 12px; color: @text_secondary; }
QTabBar::tab:selected { color: @text; font-weight: 600; border-bottom: 2px solid @text; }
QTabWidget::pane { border: none; border-top: 1px solid @border; }
"""


_SIDES = (16, 20)
"""Of menus and of step buttons, in logical pixels."""


@lru_cache(maxsize=512)
def icon(name: str, color: Color, disabled: Color, side: int = 0, stroke: float = 1.75) -> QIcon:
    """A bundled icon; `side` limits it to one size, in logical pixels."""
    result = QIcon()
    ratio = QGuiApplication.instance().devicePixelRatio()  # type: ignore[union-attr]
    for mode, tint in ((QIcon.Mode.Normal, color), (QIcon.Mode.Disabled, disabled)):
        for pixels in (side,) if side else _SIDES:
            result.addPixmap(pixmap(name, tint, pixels, ratio, stroke), mode)
    return result


@lru_cache(maxsize=1024)
def pixmap(name: str, color: Color, side: int, ratio: float = 1.0, stroke: float = 1.75) -> QPixmap:
    """A bundled icon at `side` logical pixels; `stroke` is in units of its 24-pixel grid."""
    # Qt's SVG library loads at the first icon.
    from PySide6.QtSvg import QSvgRenderer

    source = _source(name).replace("currentColor", color)
    source = source.replace('stroke-width="2"', f'stroke-width="{stroke}"')
    renderer = QSvgRenderer(QByteArray(source.encode()))
    result = QPixmap(QSize(round(side * ratio), round(side * ratio)))
    result.setDevicePixelRatio(ratio)
    result.fill(QColor(0, 0, 0, 0))
    painter = QPainter(result)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    renderer.render(painter, QRectF(0, 0, side, side))
    painter.end()
    return result


@lru_cache(maxsize=256)
def _source(name: str) -> str:
    return resource("icons", f"{name}.svg").read_text(encoding="utf-8")
