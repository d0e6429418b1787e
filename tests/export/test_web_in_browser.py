"""The page in a browser: keys, buttons and slider step both ways; no network is asked."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from backpropviz.export.formats import ExportOptions
from backpropviz.export.web import write_html
from backpropviz.scene.theme import DARK, LIGHT
from tests.export.chromium import Tab, chromium
from tests.export.made_slides import made_slide

COUNT = 6


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with chromium(tmp_path_factory.mktemp("profile")) as tab:
        yield tab


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "frames.html"
    slides = [made_slide(k, DARK if k == COUNT - 1 else LIGHT) for k in range(COUNT - 1)]
    slides.append(made_slide(5, DARK, title="</script><img src=x onerror=console.error(1)>"))
    write_html(slides, COUNT, path, ExportOptions())
    return path.as_uri()


@pytest.fixture
def tab(browser: Tab, address: str) -> Tab:
    browser.resize(1440, 900)
    browser.open("about:blank")
    browser.requests.clear()
    browser.complaints.clear()
    browser.open(address)
    return browser


def frame(tab: Tab) -> int:
    """Which frame is shown, told by the count, the hash's, the slider's and the picture's word."""
    count = int(tab.value("document.getElementById('count').textContent").partition(" ")[0])
    assert int(tab.value("document.getElementById('slider').value")) == count
    adds = "document.querySelector('#wires [aria-label^=\"adds\"]').getAttribute('aria-label')"
    assert tab.value(adds) == f"adds {count - 1}"
    return count


def test_keys_step_both_ways(tab: Tab) -> None:
    assert frame(tab) == 1
    for key, expected in (
        ("ArrowRight", 2),
        (" ", 3),
        ("PageDown", 4),
        ("ArrowLeft", 3),
        ("PageUp", 2),
        ("ArrowLeft", 1),
        ("ArrowLeft", 1),
        ("End", COUNT),
        ("ArrowRight", COUNT),
        ("Home", 1),
    ):
        tab.press(key)
        assert frame(tab) == expected, key
    tab.press("End")
    tab.press(" ", shift=True)
    assert frame(tab) == COUNT - 1


def test_buttons_and_slider_step_both_ways(tab: Tab) -> None:
    for name, expected in (("next", 2), ("last", COUNT), ("back", COUNT - 1), ("first", 1)):
        tab.click(name)
        assert frame(tab) == expected
    tab.click("slider")
    assert 1 < frame(tab) < COUNT
    there = frame(tab)
    tab.press("ArrowRight")
    assert frame(tab) == there + 1


def test_a_focused_button_is_pressed_once_by_the_space_bar(tab: Tab) -> None:
    tab.value("document.getElementById('next').focus()")
    tab.press(" ")
    assert frame(tab) == 2


def test_the_address_names_the_frame(tab: Tab, address: str) -> None:
    tab.press("ArrowRight")
    assert tab.value("location.hash") == "#2"
    tab.open("about:blank")
    tab.open(f"{address}#4")
    assert frame(tab) == 4
    told = "new Promise(done => addEventListener('hashchange', () => done(), {once: true}))"
    tab.value(f"location.hash = '#2', {told}")
    assert frame(tab) == 2
    tab.open("about:blank")
    tab.open(f"{address}#nonsense")
    assert frame(tab) == 1


def test_a_swipe_steps(tab: Tab) -> None:
    for start, end, expected in ((600, 300, 2), (300, 600, 1)):
        touch = [{"x": start, "y": 300}]
        tab.do("Input.dispatchTouchEvent", type="touchStart", touchPoints=touch)
        touch = [{"x": end, "y": 300}]
        tab.do("Input.dispatchTouchEvent", type="touchMove", touchPoints=touch)
        tab.do("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
        assert frame(tab) == expected


def test_the_theme_is_the_slide_s(tab: Tab) -> None:
    background = "getComputedStyle(document.body).backgroundColor"
    assert tab.value(background) == "rgb(250, 250, 251)"
    tab.press("End")
    assert tab.value(background) == "rgb(22, 24, 28)"


def test_nothing_is_asked_for_and_nothing_complains(tab: Tab, address: str) -> None:
    for _ in range(COUNT):
        tab.press("ArrowRight")
    assert tab.value("document.getElementById('title').textContent").startswith("</script><img")
    assert tab.value("document.querySelectorAll('img').length") == 0
    asked = {url for url in tab.requests if not url.startswith("data:")}
    assert asked == {address}
    assert tab.complaints == []


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844), (844, 390), (1024, 768)])
def test_slide_and_controls_fit_in_the_window(tab: Tab, width: int, height: int) -> None:
    tab.resize(width, height)
    for name in ("slide", "back", "next", "slider", "count"):
        box = tab.value(f"document.getElementById('{name}').getBoundingClientRect().toJSON()")
        assert box["left"] >= 0, name
        assert box["right"] <= width, name
        assert box["top"] >= 0, name
        assert box["bottom"] <= height, name
    picture = tab.value("document.getElementById('slide').getBoundingClientRect().toJSON()")
    assert picture["width"] / picture["height"] == pytest.approx(16 / 9, rel=0.01)


def test_a_printed_page_holds_a_slide(tab: Tab) -> None:
    content = tab.pdf()
    assert len(re.findall(rb"/Type\s*/Page\b", content)) == COUNT
