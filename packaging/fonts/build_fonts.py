"""Cut the bundled fonts out of their upstream releases: `python build_fonts.py UPSTREAM OUT`.

Needs fontTools and brotli. UPSTREAM holds the files named in `CUTS`, from the sources that
resources/fonts/README.md lists. A cut keeps the outlines and kerning, drops hints and the
substitutions that show another text than was written, and borrows missing symbols from STIX Two
Math, so that no text of the program ever falls back to a font of the machine.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from fontTools.merge import Merger
from fontTools.pens.recordingPen import DecomposingRecordingPen
from fontTools.pens.transformPen import TransformPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont

SYMBOL_SOURCE = "STIXTwoMath-Regular.ttf"
KEPT_FEATURES = ["kern", "mark", "mkmk", "ccmp", "locl", "tnum", "zero", "case"]

LATIN_AND_GREEK = (
    (0x20, 0x17F),
    (0x192, 0x192),
    (0x2B0, 0x2DD),
    (0x300, 0x338),
    (0x370, 0x3FF),
    (0x1D40, 0x1D40),
    (0x2010, 0x205F),
    (0x2070, 0x209C),
    (0x20AC, 0x20AC),
)
LETTERLIKE_AND_OPERATORS = (
    (0x2102, 0x2135),
    (0x2150, 0x215E),
    (0x2190, 0x21FF),
    (0x2200, 0x22FF),
    (0x2300, 0x23B7),
    (0x23DC, 0x23E1),
    (0x25A0, 0x25FF),
    (0x2713, 0x2717),
    (0x27E6, 0x27EB),
    (0x2A00, 0x2A02),
)
MATH_ALPHABETS = ((0x1D400, 0x1D467), (0x1D49C, 0x1D4CF), (0x1D538, 0x1D56B), (0x1D6A4, 0x1D71B))
BORROWED = "←→↑↓↔↦⇄⇒∂∇∈∉∏∑−∗∘√∝∞∧∨∩∪∼≈≠≡≤≥≪≫⊕⊗⊙⊤⊥⋅⋯⌈⌉⌊⌋⟨⟩″‴₊₋⁺⁻⁼₌○●◆◇▶◀ℒℓℝ⁰⁴⁵⁶⁷⁸⁹₀₁₂₃₄₅₆₇₈₉"
TEXT = LATIN_AND_GREEK + LETTERLIKE_AND_OPERATORS


@dataclass(frozen=True, slots=True)
class Cut:
    """One bundled file: from which upstream files, and the names and weight it carries."""

    file_name: str
    sources: tuple[str, ...]
    family: str
    style: str
    weight: int
    ranges: tuple[tuple[int, int], ...] = TEXT


def _stix_text(style: str, upstream_style: str) -> Cut:
    parts = ("latin", "latin-ext", "greek")
    sources = tuple(f"stix-two-text-{part}-400-{upstream_style}.woff2" for part in parts)
    return Cut(f"STIXTwoText-{style}.ttf", sources, "STIX Two Text", style, 400)


CUTS = (
    Cut("Inter-Regular.ttf", ("Inter-Regular.woff2",), "Inter", "Regular", 400),
    Cut("Inter-Medium.ttf", ("Inter-Medium.woff2",), "Inter", "Medium", 500),
    Cut("Inter-SemiBold.ttf", ("Inter-SemiBold.woff2",), "Inter", "SemiBold", 600),
    Cut(
        "InterDisplay-SemiBold.ttf",
        ("InterDisplay-SemiBold.woff2",),
        "Inter Display",
        "SemiBold",
        600,
    ),
    Cut(
        "JetBrainsMono-Regular.ttf",
        ("JetBrainsMono-Regular.ttf",),
        "JetBrains Mono",
        "Regular",
        400,
    ),
    Cut("JetBrainsMono-Medium.ttf", ("JetBrainsMono-Medium.ttf",), "JetBrains Mono", "Medium", 500),
    Cut(
        "JetBrainsMono-SemiBold.ttf",
        ("JetBrainsMono-SemiBold.ttf",),
        "JetBrains Mono",
        "SemiBold",
        600,
    ),
    _stix_text("Regular", "normal"),
    _stix_text("Italic", "italic"),
    Cut(
        "STIXTwoMath-Regular.ttf",
        (SYMBOL_SOURCE,),
        "STIX Two Math",
        "Regular",
        400,
        TEXT + MATH_ALPHABETS,
    ),
)


def main(upstream: Path, out: Path) -> None:
    """Write every cut into `out`."""
    out.mkdir(parents=True, exist_ok=True)
    for cut in CUTS:
        font = _load(cut, upstream)
        _subset(font, cut)
        _borrow_symbols(font, TTFont(upstream / SYMBOL_SOURCE))
        _rename(font, cut)
        font.flavor = None
        font.save(out / cut.file_name)


def _load(cut: Cut, upstream: Path) -> TTFont:
    paths = [str(upstream / name) for name in cut.sources]
    return TTFont(paths[0], recalcTimestamp=False) if len(paths) == 1 else Merger().merge(paths)


def _subset(font: TTFont, cut: Cut) -> None:
    options = Options()
    options.hinting = False
    options.layout_features = KEPT_FEATURES
    options.name_IDs = ["*"]
    options.notdef_outline = True
    options.drop_tables += ["MATH", "DSIG", "STAT", "meta"]
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=[u for first, last in cut.ranges for u in range(first, last + 1)])
    subsetter.subset(font)


def _borrow_symbols(font: TTFont, symbols: TTFont) -> None:
    present = font.getBestCmap()
    donor = symbols.getBestCmap()
    for symbol in BORROWED:
        if ord(symbol) not in present and ord(symbol) in donor:
            _add_glyph(font, symbols, donor[ord(symbol)], ord(symbol))


def _add_glyph(font: TTFont, symbols: TTFont, donor_name: str, code_point: int) -> None:
    """Copy an outline at the font's scale, narrowed to one cell where the font is monospaced."""
    scale = font["head"].unitsPerEm / symbols["head"].unitsPerEm
    advance = symbols["hmtx"][donor_name][0] * scale
    narrowing = 1.0
    if font["post"].isFixedPitch:
        cell = font["hmtx"][font.getBestCmap()[ord("0")]][0]
        narrowing, advance = min(1.0, cell / advance), cell
    pen = TTGlyphPen(None)
    shift = (advance - symbols["hmtx"][donor_name][0] * scale * narrowing) / 2
    outline = DecomposingRecordingPen(symbols.getGlyphSet())
    outline.glyphSet[donor_name].draw(outline)
    outline.replay(TransformPen(pen, (scale * narrowing, 0, 0, scale, shift, 0)))
    name = f"borrowed{code_point:04X}"
    glyph = pen.glyph()
    font.setGlyphOrder([*font.getGlyphOrder(), name])
    font["glyf"][name] = glyph
    glyph.recalcBounds(font["glyf"])
    font["hmtx"][name] = (round(advance), getattr(glyph, "xMin", 0))
    for table in font["cmap"].tables:
        if table.isUnicode() and table.format in {4, 12}:
            table.cmap[code_point] = name


def _rename(font: TTFont, cut: Cut) -> None:
    """Give all weights one typographic family and an own legacy family, so that each is found."""
    names = font["name"]
    legacy_style = cut.style if cut.style in {"Regular", "Italic"} else "Regular"
    legacy_family = cut.family if cut.style == legacy_style else f"{cut.family} {cut.style}"
    post_script = f"{cut.family}-{cut.style}".replace(" ", "")
    texts = {1: legacy_family, 2: legacy_style, 4: f"{cut.family} {cut.style}", 6: post_script}
    if cut.style != legacy_style:
        texts |= {16: cut.family, 17: cut.style}
    for name_id in (1, 2, 4, 6, 16, 17, 21, 22, 25):
        names.removeNames(nameID=name_id)
    for name_id, text in texts.items():
        names.setName(text, name_id, 3, 1, 0x409)
    font["OS/2"].usWeightClass = cut.weight


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
