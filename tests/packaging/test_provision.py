from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from checks import PYTEST
from machine import OFFSCREEN_LIBRARIES, REAL_WINDOW_PROGRAMS, X11_LIBRARIES, Platform
from provision import start

DEBIAN = frozenset({"debian"})
UBUNTU_LIKE = frozenset({"linuxmint", "ubuntu", "debian"})


def make_platform(
    system: str = "Linux",
    distributions: frozenset[str] = DEBIAN,
    *,
    is_root: bool = True,
    environment: Mapping[str, str] | None = None,
) -> Platform:
    return Platform(
        system=system,
        distributions=distributions if system == "Linux" else frozenset(),
        is_root=is_root,
        python="/usr/bin/python3",
        python_version=(3, 12),
        environment=environment or {},
    )


@dataclass
class FakeActions:
    """Records each command; an apt-get install mends what it names, venv makes a Python file."""

    platform: Platform
    libraries: set[str] = field(
        default_factory=lambda: {*OFFSCREEN_LIBRARIES, *X11_LIBRARIES, "libwayland-client.so.0"}
    )
    programs: set[str] = field(default_factory=lambda: set(REAL_WINDOW_PROGRAMS))
    modules: set[str] = field(default_factory=lambda: {"ensurepip"})
    failing: tuple[str, ...] = ()
    apt_mends: bool = True
    commands: list[list[str]] = field(default_factory=list)
    variables: list[Mapping[str, str]] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def run(self, command: Sequence[str], variables: Mapping[str, str], folder: Path) -> int:
        self.commands.append(list(command))
        self.variables.append(variables)
        self.folders.append(folder)
        if any(word in command for word in self.failing):
            return 1
        if command[:2] == ["apt-get", "install"] and self.apt_mends:
            self.libraries |= {*OFFSCREEN_LIBRARIES, *X11_LIBRARIES}
            self.modules.add("ensurepip")
            self.programs |= {n for n, pack in REAL_WINDOW_PROGRAMS.items() if pack in command}
        if "venv" in command:
            python = self.platform.venv_python(Path(command[-1]))
            python.parent.mkdir(parents=True)
            python.touch()
        return 0

    def set_up(self, command: Sequence[str], variables: Mapping[str, str], folder: Path) -> int:
        return self.run(command, variables, folder)

    def can_load(self, library: str) -> bool:
        return library in self.libraries

    def has_program(self, name: str) -> bool:
        return name in self.programs

    def has_module(self, name: str) -> bool:
        return name in self.modules

    def say(self, text: str) -> None:
        self.said.append(text)

    def words(self) -> str:
        return "\n".join(" ".join(command) for command in self.commands)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    return tmp_path


def test_a_fresh_debian_as_root_gets_everything(root: Path) -> None:
    platform = make_platform()
    actions = FakeActions(platform, libraries=set(), programs=set(), modules=set())
    assert start(["test", "-q"], platform, actions, root) == 0
    apt_update, apt_install = actions.commands[:2]
    assert apt_update == ["apt-get", "update"]
    assert set(OFFSCREEN_LIBRARIES.values()) | {"python3.12-venv"} <= set(apt_install)
    assert not set(X11_LIBRARIES.values()) & set(apt_install)
    for_window = next(c for c in actions.commands if "xvfb" in c)
    assert {"openbox", "xdotool", "imagemagick"} <= set(for_window)
    python = str(root / ".venv/bin/python")
    assert ["/usr/bin/python3", "-m", "venv", "--clear", str(root / ".venv")] in actions.commands
    assert any(
        c[:4] == [python, "-m", "pip", "install"] and c[-1] == ".[test]" for c in actions.commands
    )
    assert actions.commands[-1] == [python, *PYTEST, "-q"]
    assert actions.variables[-1] == {"QT_QPA_PLATFORM": "offscreen"}


def test_apt_asks_nothing(root: Path) -> None:
    platform = make_platform()
    actions = FakeActions(platform, libraries=set())
    start(["test"], platform, actions, root)
    assert actions.variables[0] == {"DEBIAN_FRONTEND": "noninteractive"}


@pytest.mark.parametrize("distributions", [DEBIAN, UBUNTU_LIKE])
def test_without_root_the_exact_line_is_told(root: Path, distributions: frozenset[str]) -> None:
    platform = make_platform(distributions=distributions, is_root=False)
    actions = FakeActions(platform, modules=set())
    actions.libraries -= {"libEGL.so.1"}
    assert start(["test"], platform, actions, root) == 4
    line = "sudo apt-get update && sudo apt-get install -y libegl1 python3.12-venv"
    assert actions.said == [f"Some system packages are missing; type: {line}"]
    assert actions.commands == []


def test_another_linux_hears_the_libraries(root: Path) -> None:
    platform = make_platform(distributions=frozenset({"fedora"}))
    actions = FakeActions(platform)
    actions.libraries -= {"libEGL.so.1"}
    assert start(["test"], platform, actions, root) == 4
    assert len(actions.said) == 1
    assert "libEGL.so.1" in actions.said[0]
    assert "apt" not in actions.words()


def test_another_linux_without_ensurepip_hears_it(root: Path) -> None:
    platform = make_platform(distributions=frozenset({"arch"}))
    actions = FakeActions(platform, modules=set())
    assert start(["test"], platform, actions, root) == 4
    assert "ensurepip" in actions.said[0]


@pytest.mark.parametrize(
    ("system", "python"), [("Darwin", ".venv/bin/python"), ("Windows", ".venv/Scripts/python.exe")]
)
def test_mac_and_windows_need_no_display_and_no_libraries(
    root: Path, system: str, python: str
) -> None:
    platform = make_platform(system, is_root=False)
    actions = FakeActions(platform, libraries=set())
    assert start(["run", "photo.png"], platform, actions, root) == 0
    assert actions.commands[-1] == [str(root / python), "-P", "-m", "backpropviz", "photo.png"]
    assert "apt-get" not in actions.words()


def test_files_are_named_from_where_the_person_stands(
    root: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.chdir(elsewhere)
    platform = make_platform("Darwin")
    actions = FakeActions(platform)
    start(["run", "photo.png"], platform, actions, root)
    assert actions.folders[-1] == elsewhere
    assert set(actions.folders[:-1]) == {root}


def test_a_run_without_a_display_is_one_sentence(root: Path) -> None:
    platform = make_platform()
    actions = FakeActions(platform, libraries=set())
    assert start(["run"], platform, actions, root) == 4
    assert len(actions.said) == 1
    assert "no display" in actions.said[0]
    assert actions.commands == []


@pytest.mark.parametrize("command", ["explain", "doctor", "--help"])
def test_a_command_without_a_window_needs_no_display(root: Path, command: str) -> None:
    platform = make_platform()
    actions = FakeActions(platform)
    actions.libraries -= set(X11_LIBRARIES)
    assert start(["run", command], platform, actions, root) == 0
    assert actions.commands[-1][-1] == command


@pytest.mark.parametrize(
    ("environment", "missing"),
    [
        ({"DISPLAY": ":0"}, "libxcb-cursor0"),
        ({"DISPLAY": ":0", "QT_QPA_PLATFORM": "offscreen"}, ""),
        ({"QT_QPA_PLATFORM": "xcb"}, "libxcb-cursor0"),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "libwayland-cursor0"),
        ({"WAYLAND_DISPLAY": "wayland-0", "DISPLAY": ":0"}, "libxcb-cursor0"),
    ],
)
def test_the_libraries_follow_the_display(
    root: Path, environment: dict[str, str], missing: str
) -> None:
    platform = make_platform(is_root=False, environment=environment)
    actions = FakeActions(platform)
    actions.libraries -= set(X11_LIBRARIES)
    assert start(["run"], platform, actions, root) == (4 if missing else 0)
    assert missing in "".join(actions.said)


def test_a_second_start_does_nothing_but_run(root: Path) -> None:
    platform = make_platform(environment={"DISPLAY": ":0"})
    start(["run"], platform, FakeActions(platform), root)
    again = FakeActions(platform)
    assert start(["run"], platform, again, root) == 0
    assert again.commands == [[str(root / ".venv/bin/python"), "-P", "-m", "backpropviz"]]
    assert again.said == []


def test_tests_need_more_than_a_run_but_not_the_other_way_round(root: Path) -> None:
    platform = make_platform(environment={"DISPLAY": ":0"})
    start(["run"], platform, FakeActions(platform), root)
    tests = FakeActions(platform)
    start(["test"], platform, tests, root)
    assert ".[test]" in tests.words()
    run = FakeActions(platform)
    start(["run"], platform, run, root)
    assert "pip" not in run.words()


def test_changed_dependencies_are_installed(root: Path) -> None:
    platform = make_platform()
    start(["test"], platform, FakeActions(platform), root)
    (root / "pyproject.toml").write_text("[project]\nname = 'other'\n")
    again = FakeActions(platform)
    start(["test"], platform, again, root)
    assert "pip install" in again.words()
    assert "-m venv" not in again.words()


@pytest.mark.parametrize(
    ("failing", "told"),
    [
        ("update", "`apt-get update` failed"),
        ("venv", "could not be made"),
        ("pip", "could not be installed"),
    ],
)
def test_a_failing_step_is_named(root: Path, failing: str, told: str) -> None:
    platform = make_platform()
    actions = FakeActions(platform, failing=(failing,))
    actions.libraries -= {"libGL.so.1"}
    assert start(["test"], platform, actions, root) == 4
    assert told in actions.said[-1]
    assert not (root / ".venv" / "backpropviz-installed").exists()


def test_apt_that_installs_nothing_is_named(root: Path) -> None:
    platform = make_platform()
    actions = FakeActions(platform, apt_mends=False)
    actions.libraries -= {"libGL.so.1"}
    assert start(["test"], platform, actions, root) == 4
    assert "did not install libgl1" in actions.said[-1]


def test_the_real_window_gets_its_programs_and_libraries(root: Path) -> None:
    platform = make_platform()
    actions = FakeActions(platform, programs=set())
    actions.libraries -= set(X11_LIBRARIES)
    assert start(["test"], platform, actions, root) == 0
    update, install = actions.commands[:2]
    assert update == ["apt-get", "update"]
    assert set(install[4:]) == {*REAL_WINDOW_PROGRAMS.values(), *X11_LIBRARIES.values()}
    assert len(actions.said) == 3


@pytest.mark.parametrize(
    ("platform", "told"),
    [
        (make_platform(is_root=False), "sudo apt-get update && sudo apt-get install -y xdotool"),
        (make_platform(distributions=frozenset({"arch"})), "xdotool"),
    ],
)
def test_without_a_real_window_its_tests_skip_with_one_sentence(
    root: Path, platform: Platform, told: str
) -> None:
    actions = FakeActions(platform)
    actions.programs.remove("xdotool")
    assert start(["test"], platform, actions, root) == 0
    assert "apt-get" not in actions.words()
    sentences = [text for text in actions.said if "real window" in text]
    assert len(sentences) == 1
    assert sentences[0].endswith(f"{told}.")


def test_a_failing_apt_only_skips_the_real_window(root: Path) -> None:
    platform = make_platform()
    actions = FakeActions(platform, programs=set(), failing=("apt-get",))
    assert start(["test"], platform, actions, root) == 0
    assert "skipped" in actions.said[1]


def test_no_other_system_is_asked_for_a_real_window(root: Path) -> None:
    platform = make_platform("Darwin", is_root=False)
    actions = FakeActions(platform, libraries=set(), programs=set())
    assert start(["test"], platform, actions, root) == 0
    assert not any("real window" in text for text in actions.said)


def test_torch_is_an_extra_of_the_tests(root: Path) -> None:
    platform = make_platform()
    actions = FakeActions(platform)
    assert start(["test", "--with-torch", "-q"], platform, actions, root) == 0
    assert ".[test,torch]" in actions.words()
    assert actions.commands[-1][1:] == [*PYTEST, "-q"]
    again = FakeActions(platform)
    start(["test"], platform, again, root)
    assert "pip" not in again.words()


def test_the_extra_of_torch_is_installed_after_tests_without_it(root: Path) -> None:
    platform = make_platform()
    start(["test"], platform, FakeActions(platform), root)
    actions = FakeActions(platform)
    start(["test", "--with-torch"], platform, actions, root)
    assert ".[test,torch]" in actions.words()


@pytest.mark.parametrize("failing", ["ruff", "mypy", "pytest"])
def test_any_failing_check_fails_the_whole(root: Path, failing: str) -> None:
    platform = make_platform()
    actions = FakeActions(platform, failing=(failing,))
    assert start(["test"], platform, actions, root) == 1
    assert actions.commands[-1][1:] == PYTEST
    assert (failing in actions.said[-1]) is (failing != "pytest")


@pytest.mark.parametrize("arguments", [[], ["walk"]])
def test_wrong_usage_shows_the_usage(root: Path, arguments: list[str]) -> None:
    actions = FakeActions(make_platform())
    assert start(arguments, actions.platform, actions, root) == 2
    assert actions.said[0].startswith("usage:")


def test_help_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert start(["--help"]) == 0
    assert capsys.readouterr().out.startswith("usage:")
