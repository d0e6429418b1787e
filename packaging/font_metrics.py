"""Write what `scene.fonts` knows of the bundled fonts: `python packaging/font_metrics.py`.

Needs fontTools. Run it whenever a file in resources/fonts changes.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from fontTools.ttLib import TTFont

FONTS = Path(__file__).resolve().parent.parent / "resources" / "fonts"


def main() -> None:
    """Write resources/fonts/metrics.json, one line a font file."""
    metrics = {path.stem: _metrics(TTFont(path)) for path in sorted(FONTS.glob("*.ttf"))}
    lines = [
        f"{json.dumps(name)}: {json.dumps(entry, ensure_ascii=False, separators=(',', ':'))}"
        for name, entry in metrics.items()
    ]
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    (FONTS / "metrics.json").write_text(text, encoding="utf-8")


def _metrics(font: TTFont) -> dict[str, Any]:
    """Vertical metrics and advances in font units; characters are grouped by their advance."""
    by_advance: defaultdict[int, list[str]] = defaultdict(list)
    for code_point, glyph in sorted(font.getBestCmap().items()):
        by_advance[font["hmtx"][glyph][0]].append(chr(code_point))
    return {
        "units": font["head"].unitsPerEm,
        "ascent": font["hhea"].ascent,
        "descent": -font["hhea"].descent,
        "cap_height": font["OS/2"].sCapHeight,
        "x_height": font["OS/2"].sxHeight,
        "advances": {str(advance): "".join(chars) for advance, chars in sorted(by_advance.items())},
    }


if __name__ == "__main__":
    main()
