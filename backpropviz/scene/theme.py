"""Colors by their role, in two themes, and the type styles; scenes name no other color or font.

Teal is forward, violet is backward, orange is where the program stands. Red and blue of the
diverging map belong to the sign of values alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, TypeAlias

Color: TypeAlias = str
"""`#RRGGBB`, or `#RRGGBBAA` where it is translucent."""


class Font(NamedTuple):
    """A bundled family with its size in pixels; `weight` is CSS's (400, 500, 600).

    A tuple, since a frame looks up a thousand texts by their fonts and a tuple is hashed in C.
    """

    family: str
    size: float
    weight: int = 400
    italic: bool = False


ThemeName = Literal["light", "dark"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Theme:
    """Every color role, and the names of the color maps that suit the surfaces."""

    name: ThemeName
    text: Color
    text_secondary: Color
    text_tertiary: Color
    here: Color
    forward: Color
    backward: Color
    update: Color
    loss: Color
    breakpoint: Color
    ok: Color
    not_finite: Color
    here_tint: Color
    forward_tint: Color
    backward_tint: Color
    update_tint: Color
    loss_tint: Color
    chrome: Color
    panel: Color
    stage: Color
    field: Color
    hover: Color
    selected: Color
    border: Color
    border_strong: Color
    halo: Color
    status_paused: Color
    status_training: Color
    status_text: Color
    alert_fill: Color
    alert_border: Color
    alert_title: Color
    diverging: str
    sequential: str
    photo: str


LIGHT: Final = Theme(
    name="light",
    text="#1C2024",
    text_secondary="#535A65",
    text_tertiary="#606772",
    here="#C2410C",
    forward="#0B7A6E",
    backward="#6741D9",
    update="#1D5FD0",
    loss="#8A5C00",
    breakpoint="#CF2431",
    ok="#1A7F4B",
    not_finite="#C026D3",
    here_tint="#FFF0E6",
    forward_tint="#DDF3EF",
    backward_tint="#EEE9FF",
    update_tint="#E4EDFD",
    loss_tint="#FBF0D9",
    chrome="#F3F4F6",
    panel="#FFFFFF",
    stage="#FAFAFB",
    field="#FFFFFF",
    hover="#E9EBEF",
    selected="#FFFFFF",
    border="#E2E5E9",
    border_strong="#C6CBD2",
    halo="#FFFFFF",
    status_paused="#B93C0B",
    status_training="#1D5FD0",
    status_text="#FFFFFF",
    alert_fill="#FEF4F4",
    alert_border="#F1B5B8",
    alert_title="#A81C29",
    diverging="diverging-light",
    sequential="sequential-light",
    photo="gray",
)

DARK: Final = Theme(
    name="dark",
    text="#E8EAED",
    text_secondary="#A9B0BB",
    text_tertiary="#939BA6",
    here="#FF9A4D",
    forward="#35C9B4",
    backward="#B39DFF",
    update="#6CA6FF",
    loss="#D9A441",
    breakpoint="#FF6369",
    ok="#4CC38A",
    not_finite="#F0ABFC",
    here_tint="#3A2517",
    forward_tint="#12332F",
    backward_tint="#2B2447",
    update_tint="#1B2C4A",
    loss_tint="#372B12",
    chrome="#1B1D22",
    panel="#202329",
    stage="#16181C",
    field="#17191D",
    hover="#2C3038",
    selected="#343943",
    border="#2E323A",
    border_strong="#4A505B",
    halo="#16181C",
    status_paused="#B93C0B",
    status_training="#1D5FD0",
    status_text="#FFFFFF",
    alert_fill="#3A1D20",
    alert_border="#7A3338",
    alert_title="#FF9296",
    diverging="diverging-dark",
    sequential="sequential-dark",
    photo="gray",
)


def theme(name: ThemeName) -> Theme:
    """The theme of that name."""
    return {"light": LIGHT, "dark": DARK}[name]


SERIES: Final[dict[ThemeName, tuple[Color, ...]]] = {
    "light": ("#0B7A6E", "#6741D9", "#A15C00", "#1D5FD0"),
    "dark": ("#35C9B4", "#B39DFF", "#D9A441", "#6CA6FF"),
}
"""Colors of the layers in curves; a name stands at each line's end as well."""

PAGE_TITLE: Final = Font("Inter Display", 32, 600)
COUNTER: Final = Font("Inter", 22, 600)
CARD_TITLE: Final = Font("Inter", 16, 600)
SENTENCE: Final = Font("Inter", 15, 600)
BODY: Final = Font("Inter", 13)
BODY_MEDIUM: Final = Font("Inter", 13, 500)
BODY_STRONG: Final = Font("Inter", 13, 600)
PANEL_TITLE: Final = Font("Inter", 12, 600)
ROW: Final = Font("Inter", 12)
LABEL: Final = Font("Inter", 11)
LABEL_MEDIUM: Final = Font("Inter", 11, 500)
INDEX: Final = Font("JetBrains Mono", 11)
CORNER_WORD: Final = Font("Inter", 10, 600)
CORNER_WORD_QUIET: Final = Font("Inter", 10, 500)
NUMBER_LARGE: Final = Font("JetBrains Mono", 24, 500)
NUMBER_MEDIUM: Final = Font("JetBrains Mono", 16, 500)
NUMBER_SMALL: Final = Font("JetBrains Mono", 12, 500)
NUMBER_SMALL_STRONG: Final = Font("JetBrains Mono", 12, 600)
NOTE: Final = Font("JetBrains Mono", 10)
MONO: Final = Font("JetBrains Mono", 12)
MONO_STRONG: Final = Font("JetBrains Mono", 12, 600)
FORMULA_SUM: Final = Font("STIX Two Math", 23)
