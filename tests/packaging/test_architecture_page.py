"""The architecture page says what the code says."""

from __future__ import annotations

import architecture_page


def test_the_page_is_made_of_the_docstrings_as_they_are() -> None:
    written = architecture_page.PAGE.read_text(encoding="utf-8")
    assert written == architecture_page.page(), "run: python packaging/architecture_page.py"


def test_every_package_has_its_section() -> None:
    found = {
        path.parent.relative_to(architecture_page.PACKAGE).as_posix()
        for path in architecture_page.PACKAGE.rglob("__init__.py")
    }
    assert found == {*architecture_page.ORDER, "."}
