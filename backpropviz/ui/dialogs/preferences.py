"""Theme, speed, color map and motion."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QWidget

from backpropviz.ui.appearance import THEME_CHOICES, chosen_theme_name
from backpropviz.ui.controls import Segmented
from backpropviz.ui.dialogs.frame import FramedDialog, form
from backpropviz.ui.preferences import (
    COLOR_MAPS,
    INTERVALS_MS,
    read_preferences,
    speed_text,
    write_preferences,
)


class PreferencesDialog(FramedDialog):
    """Each choice holds at once and is remembered."""

    theme_chosen = Signal(object)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, parent.tr("Preferences"))
        chosen = read_preferences()
        self._theme = Segmented(self.tr("Theme"))
        self._theme.set_choices([(name, name, "") for name in THEME_CHOICES])
        self._theme.set_value(chosen_theme_name())
        self._theme.chosen.connect(self.theme_chosen)
        self._speed = Segmented(self.tr("Speed"))
        self._speed.set_choices(
            [(speed_text(ms).removesuffix(" steps/s"), ms, speed_text(ms)) for ms in INTERVALS_MS]
        )
        self._speed.set_value(chosen.interval_ms)
        self._speed.chosen.connect(self._set_speed)
        self._map = Segmented(self.tr("Color map of signed values"))
        self._map.set_choices([(self.tr(title), name, "") for name, title in COLOR_MAPS])
        self._map.set_value(chosen.diverging)
        self._map.chosen.connect(self._set_map)
        self._motion = QCheckBox(self.tr("Reduce motion"))
        self._motion.setToolTip(self.tr("Jump from picture to picture without transitions."))
        self._motion.setChecked(chosen.reduces_motion)
        self._motion.toggled.connect(self._set_motion)
        rows = form()
        rows.addRow(self.tr("Theme"), self._theme)
        rows.addRow(self.tr("Steps a second"), self._speed)
        rows.addRow(self.tr("Signed values"), self._map)
        rows.addRow("", self._motion)
        self.body.addLayout(rows)
        close = self.add_button(self.tr("Close"), is_primary=True)
        close.clicked.connect(self.accept)

    def _set_speed(self, interval_ms: int) -> None:
        write_preferences(replace(read_preferences(), interval_ms=interval_ms))

    def _set_map(self, name: str) -> None:
        write_preferences(replace(read_preferences(), diverging=name))

    def _set_motion(self, reduces: bool) -> None:
        write_preferences(replace(read_preferences(), reduces_motion=reduces))
