"""What the window has once something is open: stage, docks, toolbar, transport."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, QTimer
from PySide6.QtWidgets import QVBoxLayout, QWidget

from backpropviz.debugger.commands import Command, SetDepth, SetOrder
from backpropviz.debugger.timeline import Depth, LoopOrder
from backpropviz.engine.architecture.draft import doubled
from backpropviz.errors import BackpropVizError
from backpropviz.figures.stage.stage import import_all_stages
from backpropviz.figures.view import View
from backpropviz.files.networks import bundled_networks
from backpropviz.scene.marks import Scene
from backpropviz.scene.theme import Theme
from backpropviz.ui.analysis.desk import AnalysisDesk
from backpropviz.ui.autosave import Autosave, Resuming
from backpropviz.ui.background import sentence
from backpropviz.ui.controller import Controller
from backpropviz.ui.controls import Offer, plain, plain_title, withdraw_notice
from backpropviz.ui.debug_actions import DebugActions, SubjectActions
from backpropviz.ui.docks import Docks, ExplanationPanel, ScenePanel, focus_next, panels_of
from backpropviz.ui.editor.desk import EditorDesk
from backpropviz.ui.marks_panel import MarksPanels
from backpropviz.ui.opened import (
    Opened,
    Subject,
    facts_text,
    message_text,
    state_text,
    waiting_name,
)
from backpropviz.ui.palette import PaletteEntry, place_entries
from backpropviz.ui.pointing import Pointing
from backpropviz.ui.process import set_aside_what_stays
from backpropviz.ui.recent import last_session_file, read_preferences
from backpropviz.ui.requests import OpenRequest
from backpropviz.ui.shell import Shell
from backpropviz.ui.stage_view import StageView, TimelineView
from backpropviz.ui.top_bar import SAMPLES, TopBar
from backpropviz.ui.training.desk import TrainingDesk
from backpropviz.ui.transport import Player, Transport
from backpropviz.ui.windows import front

if TYPE_CHECKING:
    from backpropviz.ui.analysis.check import Single
    from backpropviz.ui.background import StartThumbnails
    from backpropviz.ui.kept_work import LoadedWork
    from backpropviz.ui.lessons.desk import LessonDesk

_SETTLED_MS = 500


class Workbench(QObject):
    """Made once, after the first paint; shows whatever the controller has open."""

    def __init__(self, window: Shell) -> None:
        super().__init__(window)
        self.window, self.actions, self.status = window, window.actions_by_name, window.status
        self._colors: Theme = window.theme
        self.controller = Controller(self)
        self.player = Player(read_preferences().interval_ms, self)
        self.marks = MarksPanels(self.controller, window)
        self.thumbnails: StartThumbnails | None = None
        self._is_settled = False
        self._waiting: tuple[Opened, ...] = ()
        self._lessons: LessonDesk | None = None
        self._make_views()
        self.docks = Docks(window, *self._panels())
        self.pointing = Pointing(self.controller, window)
        for canvas in (self.stage, self.network.canvas, self.stack.canvas, self.timeline):
            self.pointing.watch(canvas)
        self.pointing.watch(self.explanation.canvas)
        self.commands = DebugActions(self, self.player, self.transport)
        self.settings = SubjectActions(self)
        self._bind()
        self._idle = QTimer(self)
        self._idle.setSingleShot(True)
        self._idle.setInterval(0)
        self._idle.timeout.connect(self._show_side_panels)
        self._settling = QTimer(self)
        self._settling.setSingleShot(True)
        self._settling.setInterval(_SETTLED_MS)
        self._settling.timeout.connect(self._settle)
        self._connect()
        self.analysis = AnalysisDesk(self)
        self.training = TrainingDesk(self, self.bar)
        self.editor = EditorDesk(self)
        self.autosave = Autosave(self, self._own_pass, self._kept_pass, self.training, self.editor)
        self.resuming = Resuming(self, self.autosave)
        self._connect_desks()
        self.use_theme(window.theme)
        self.transport.show_playing(False, self.player.interval_ms)

    def _make_views(self) -> None:
        window = self.window
        self.stage = StageView()
        window.pages.addWidget(self.stage)
        self.network = ScenePanel("Network map", _network_map, _current_layer)
        self.stack = ScenePanel("Call stack", _call_stack, _current_level)
        self.explanation = ExplanationPanel("Explanation")
        self.transport = Transport(window.actions_by_name)
        self.timeline = TimelineView()
        self.bar = TopBar(window.actions_by_name)
        self.bar.hide()
        window.addToolBar(Qt.ToolBarArea.TopToolBarArea, self.bar)

    def _panels(self) -> tuple[dict[str, tuple[str, QWidget]], ...]:
        bottom = QWidget()
        bottom.setObjectName("Panel")
        column = QVBoxLayout(bottom)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.transport)
        column.addWidget(self.timeline)
        bottom.setFocusProxy(self.timeline)
        return (
            {"network": ("Network map", self.network), "stack": ("Call stack", self.stack)},
            {
                "explanation": ("Explanation", self.explanation),
                "values": ("Watches and variables", self.marks.values),
                "breakpoints": ("Breakpoints", self.marks.breakpoints),
            },
            {"timeline": ("Transport and timeline", bottom)},
        )

    def _connect(self) -> None:
        controller = self.controller
        controller.state_changed.connect(self._show)
        controller.refused.connect(self.say)
        controller.busy_changed.connect(self._say_busy)
        self.player.ticked.connect(self._play_on)
        self.player.changed.connect(self._show_playing)
        self.timeline.place_wanted.connect(self._go_to)
        self.timeline.name_position = self._position_name
        self.timeline.resized.connect(self._redraw_timeline)
        self.transport.depth_wanted.connect(self._set_depth)
        self.transport.order_wanted.connect(self._set_order)
        self.transport.left.connect(self.stage.setFocus)
        self.transport.step_wanted.connect(self.commands.go_to_text)
        self.transport.interval_wanted.connect(self.commands.set_interval)
        self.bar.image_wanted.connect(self.settings.open_image)
        self.bar.network_wanted.connect(self.settings.open_network)
        self.bar.target_wanted.connect(self.settings.set_target)

    def _connect_desks(self) -> None:
        self.autosave.failed.connect(self._tell_not_kept)
        for source in (self.controller.state_changed, self.training.changed, self.editor.changed):
            source.connect(self.autosave.note)
        self.analysis.checked.connect(self._show_check)
        self.training.entered.connect(self._show_training)
        self.training.left.connect(self._show_debugger)
        self.window.start_page.training_wanted.connect(self.training.ask_for_run)
        self.editor.train_wanted.connect(self.training.train_model)
        self.resuming.changed.connect(self.show_offer)
        self.resuming.loaded.connect(self._take_work)

    def _bind(self) -> None:
        """What concerns the panels; the other actions have their own homes."""
        self.actions.bind(
            {
                "add_breakpoint": self.marks.add_breakpoint,
                "add_watch": self.marks.add_watch,
                "reset_layout": self.docks.reset,
                "back_to": self._go_back,
                "next_panel": self._focus_next_panel,
                "previous_panel": self._focus_previous_panel,
            }
        )
        menu = self.window.menus["View"]
        menu.addSeparator()
        menu.addActions(list(self.docks.actions()))

    @property
    def theme(self) -> Theme:
        """The colors of now."""
        return self.window.theme

    def say(self, text: str) -> None:
        """A sentence in the status line, until the next one."""
        self.status.say(text)

    def tell(self, text: str, offer: Offer | None = None) -> None:
        """A sentence that must be read; `offer` does something about it."""
        self.window.tell(text, offer)

    def tell_error(self, error: BaseException) -> None:
        """What went wrong; what is open is as it was."""
        self.window.tell_error(error)

    def add_page(self, page: QWidget) -> None:
        """Something that can be shown in place of the stage."""
        self.window.pages.addWidget(page)

    @property
    def lessons(self) -> LessonDesk:
        """Made when it is first asked for; a pass that is opened at the start goes first."""
        from backpropviz.ui.lessons.desk import LessonDesk

        if self._lessons is None:
            self._lessons = LessonDesk(
                self, self.docks, self.window.menus["Lessons"], self.window.start_page
            )
        return self._lessons

    def open(self, request: OpenRequest) -> None:
        """Open what is asked for: a lesson, or a network, an image or both."""
        if request.lesson:
            self.lessons.open(request.lesson)
        elif self.training.holds_run(request.network):
            self.training.open_run(request.network)
        else:
            self.controller.open(request)

    def _show(self, old: Opened | None, new: Opened | None) -> None:
        """The one place where a new state reaches the panels."""
        if old is None or new is None or old.view.tape is not new.view.tape:
            self.training.leave()
        has_left = self._show_waiting()
        if self.training.is_shown:
            return
        if new is None:
            own = self.lessons.end(old) if old is not None else None
            if own is not None:
                self._remember(own)
            self._show_start_page()
            return
        if old is None:
            self._show_docks()
            self._settling.start()
        if old is None or old.subject is not new.subject:
            self.bar.show_opened(new)
            self._show_title(new.subject)
            self.settings.show_subject(new.subject)
            self._tell_of(new.subject, None if old is None else old.subject, has_left=has_left)
        if old is not None and old.view.tape is not new.view.tape:
            self.player.pause()
        self._show_view(new)

    def _show_title(self, subject: Subject) -> None:
        """Name the window after the network; Qt reads a single [*] as the sign of a change."""
        title = subject.network_title.replace("[*]", "[*][*]")
        self.window.setWindowTitle(f"{title}  ·  BackpropViz")

    def _show_waiting(self) -> bool:
        """Name the session that can be gone back to; whether there is a new one."""
        before, self._waiting = self._waiting, self.controller.waiting
        first = self._waiting[0] if self._waiting else None
        if before != self._waiting:
            withdraw_notice(self.window, self._go_back)
            title = "the session before" if first is None else waiting_name(first)
            self.actions["back_to"].setText(plain_title(f"Back to {title}"))
            self.actions["back_to"].setEnabled(first is not None)
        return first is not None and all(first is not one for one in before)

    def _go_back(self) -> None:
        if self.controller.waiting:
            self.controller.back_to(self.controller.waiting[0])

    def _tell_of(self, new: Subject, old: Subject | None, *, has_left: bool) -> None:
        """All that is to be said of what was opened, in one notice: each is said once.

        What the network is known to do wrong, what the picture is like, which session waits, and
        an offer to keep the picture that was open, or to go back.
        """
        sentences: list[str] = []
        network, picture = new.model.network, new.picture
        if old is None or network is not old.model.network:
            found = doubled(network.nodes, network.loss)
            sentences += [] if found is None else [found.sentence]
        if picture is not None and picture.remarks:
            sentences += [picture.remark] if old is None or picture is not old.picture else []
        offer = None
        if old is not None and (self._lessons is None or not self._lessons.coach.is_on):
            offer = self.settings.own_picture_offer(old, new)
            if offer is not None:
                sentences.append(f"{new.network_title} is shown with its own example.")
        if has_left:
            name = waiting_name(self._waiting[0])
            sentences.append(f"{name} waits as you left it: File, Back to {name}.")
            offer = offer or Offer(f"Back to {name}", self._go_back)
        if sentences:
            self.tell("\n".join(sentences), offer)

    def _show_view(self, opened: Opened) -> None:
        view, colors = opened.view, self._colors
        self.transport.show_opened(opened)
        self.commands.allow(opened)
        self.status.show_pass(
            state_text(opened, is_playing=self.player.is_playing),
            message_text(opened),
            facts_text(opened),
            is_paused=not view.is_done and not self.player.is_playing,
        )
        if self.timeline.is_drawn:
            self.timeline.show_view(view, colors)
        self.stage.show_view(view, colors)
        self._idle.start()

    def _show_side_panels(self) -> None:
        """When the stage is painted and no further step waits, the panels around it follow."""
        opened = self.controller.opened
        if opened is None:
            return
        if not self.timeline.is_drawn:
            self.timeline.show_view(opened.view, self._colors)
        for panel in (self.stack, self.explanation, self.network):
            panel.show_view(opened.view, self._colors)
        self.marks.show_opened(opened)
        self.bar.show_sample(opened)

    def _settle(self) -> None:
        """Once, when the first pass has been shown: no later frame pays for what is loaded."""
        if not self._is_settled:
            self._is_settled = True
            import_all_stages()
            self.lessons.use_theme(self._colors)
            set_aside_what_stays()

    def _show_docks(self) -> None:
        self.window.pages.setCurrentWidget(self.stage)
        self.bar.show()
        self.docks.show()
        self.stage.setFocus(Qt.FocusReason.OtherFocusReason)
        self.enable_actions()

    def enable_actions(self) -> None:
        """Enable what can be used now."""
        self.actions.enable(
            has_pass=self.controller.opened is not None,
            has_last_session=last_session_file().exists() or self.resuming.has_offer,
            has_run=self.training.has_run,
            has_waiting=bool(self.controller.waiting),
            shows_pass=not self.training.is_shown,
        )

    def palette_entries(self) -> list[PaletteEntry]:
        """What the palette finds beside the actions: lessons, networks, images, layers, tensors."""
        found = [PaletteEntry(plain(a.text()), "lesson", a.trigger) for a in self.lessons.actions()]
        for card in bundled_networks():
            words, open_it = f"Open {card.name}: {card.title}", self.settings.open_network
            found.append(PaletteEntry(words, "network", partial(open_it, card.name)))
        for waiting in self.controller.waiting[1:]:
            back = partial(self.controller.back_to, waiting)
            found.append(PaletteEntry(f"Back to {waiting_name(waiting)}", "session", back))
        opened = self.controller.opened
        if opened is None or self.training.is_shown:
            return found
        for name in SAMPLES:
            show = partial(self.settings.open_image, name)
            found.append(PaletteEntry(f"Open the image {name}", "image", show))
        return [*found, *place_entries(opened, self.commands.go_to_text)]

    def _focus_next_panel(self) -> None:
        self._focus_next(1)

    def _focus_previous_panel(self) -> None:
        self._focus_next(-1)

    def _focus_next(self, by: int) -> None:
        """Move the keyboard from panel to panel of the window that a person works in."""
        beside = front(self.window)
        if beside is not self.window:
            focus_next(panels_of(beside), by)
        elif self.training.is_shown:
            self.training.room.page.focus_next(by)
        else:
            self.docks.focus_next(self.stage, by)

    def _show_training(self, page: QWidget) -> None:
        """Show the training in place of the debugger, whose pass stays as it is."""
        self.player.pause()
        self.docks.hide()
        self.bar.show_mode(is_training=True)
        self.bar.show()
        self.window.pages.setCurrentWidget(page)

    def _show_debugger(self) -> None:
        """Show the pass again, or the start page where there is none."""
        self.bar.show_mode(is_training=False)
        opened = self.controller.opened
        if opened is None:
            self._show_start_page()
            return
        self._show_title(opened.subject)
        self._show_docks()
        self.settings.show_subject(opened.subject)
        self._show_view(opened)

    def _show_start_page(self) -> None:
        self.player.pause()
        self.docks.hide()
        self.bar.hide()
        self.stage.clear()
        self.window.start_page.refresh(self._colors)
        self.window.pages.setCurrentWidget(self.window.start_page)
        self.window.setWindowTitle("BackpropViz")
        self.status.show_idle()
        self.enable_actions()
        self.fill_start_page()

    def fill_start_page(self) -> None:
        """Draw the pictures of the cards, and list the lessons."""
        from backpropviz.ui.background import StartThumbnails

        if self.thumbnails is None:
            self.thumbnails = StartThumbnails(self.window.start_page)
        self.thumbnails.fill(self._colors)
        self.show_offer()
        self.lessons.use_theme(self._colors)

    def use_theme(self, colors: Theme) -> None:
        """Take the colors of a theme."""
        self._colors = colors
        for panel in (self.network, self.stack, self.explanation, self.marks, self.bar):
            panel.use_theme(colors)
        self.transport.use_theme(colors)
        self.analysis.use_theme(colors)
        self.editor.use_theme(colors)
        if self._lessons is not None:
            self._lessons.use_theme(colors)
        opened = self.controller.opened
        if opened is None:
            if self.thumbnails is not None:
                self.fill_start_page()
        else:
            self.bar.show_opened(opened)
            self._show_view(opened)
        self.training.use_theme(colors)

    def read_preferences(self) -> None:
        """Take what the preferences say now."""
        chosen = read_preferences()
        self.commands.set_interval(chosen.interval_ms)
        self.controller.use_diverging_map(chosen.diverging)

    def pause_if_minimized(self) -> None:
        """Nobody watches a minimized window play."""
        if self.window.isMinimized():
            self.player.pause()

    def _own_pass(self) -> Opened | None:
        """The pass that is open; while a lesson is, the one that waits for its end."""
        if self._lessons is not None and self._lessons.coach.is_on:
            return self._lessons.coach.own_session
        return self.controller.opened

    def _kept_pass(self) -> Opened | None:
        """The newest session that a file can hold: an update of a run comes from its run."""
        for opened in (self._own_pass(), *self.controller.waiting):
            if opened is not None and not opened.subject.save_refusal:
                return opened
        return None

    def _take_work(self, loaded: LoadedWork) -> None:
        """Show what another window had open."""
        if loaded.opened is not None:
            self.controller.replace(loaded.opened)
        if loaded.runs:
            self.training.room.take_kept(loaded.runs)
            if loaded.is_training_shown:
                self.training.enter()
            else:
                self.bar.back.show()
        if loaded.draft is not None:
            self.editor.take_kept(loaded.draft)

    def show_offer(self) -> None:
        """On the start page, what can be resumed."""
        found = self.resuming.offered
        self.window.start_page.show_offer(
            self.resuming.offer(), holds_session=found is not None and found.holds_session
        )
        title = "the last debugging session" if found is None else found.whole
        self.actions["resume"].setText(f"Resume {title}")
        self.enable_actions()

    def _tell_not_kept(self, error: BaseException) -> None:
        text = "What is open cannot be kept for the case of a crash: {why}"
        self.tell(text.format(why=sentence(error)))

    def close(self, *, keeps: bool = True) -> None:
        """Remember session and layout, keep what is in no file; wait for all threads."""
        self.player.pause()
        self._idle.stop()
        self.analysis.close()
        self.editor.close()
        self.training.stop()
        self._settling.stop()
        if self._lessons is not None:
            self._lessons.close()
        self.controller.stop()
        if self.thumbnails is not None:
            self.thumbnails.stop()
        self.resuming.stop()
        # A full or read-only disk must not keep the window open; what was kept before stays.
        with suppress(BackpropVizError, OSError):
            self.autosave.finish(keeps=keeps)
        self.training.close()
        opened = self.controller.opened
        if opened is None:
            return
        self.docks.remember()
        for waiting in reversed(self.controller.waiting):
            self._remember(waiting)
        self._remember(opened)

    def _remember(self, opened: Opened) -> None:
        """In the list of recent sessions, and as the session to resume."""
        from backpropviz.ui.kept_work import remember_opened, save_opened

        try:
            remember_opened(opened)
            last_session_file().parent.mkdir(parents=True, exist_ok=True)
            save_opened(last_session_file(), opened)
        except (BackpropVizError, OSError):
            # A full or read-only disk must not keep the window open.
            return

    def _say_busy(self, text: str) -> None:
        if text:
            self.status.say(text)
        elif self.controller.opened is not None:
            self.status.say(message_text(self.controller.opened))

    def _show_check(self, found: Single) -> None:
        self.explanation.show_check(found.checked, found.also)

    def _go_to(self, place: Command) -> None:
        self.player.pause()
        self.controller.dispatch(place)

    def _set_depth(self, depth: Depth) -> None:
        self.controller.dispatch(SetDepth(depth))

    def _set_order(self, order: LoopOrder) -> None:
        self.controller.dispatch(SetOrder(order))

    def _play_on(self) -> None:
        self.commands.play_on()

    def _show_playing(self, is_playing: bool) -> None:
        self.transport.show_playing(is_playing, self.player.interval_ms)
        # A pause while the training or the start page is shown concerns no view.
        is_seen = self.window.pages.currentWidget() is self.stage
        if self.controller.opened is not None and is_seen:
            self._show_view(self.controller.opened)

    def _redraw_timeline(self) -> None:
        if self.controller.opened is not None and self.timeline.is_drawn:
            self.timeline.show_view(self.controller.opened.view, self._colors)

    def _position_name(self, position: int) -> str:
        opened = self.controller.opened
        if opened is None or position >= opened.timeline.steps:
            return "the end of the pass"
        step = opened.timeline.step(position, Depth.TENSOR)
        return "step {number}: {target}, {phase}".format(
            number=f"{position + 1:,}", target=step.target, phase=step.phase.value
        )


def _current_layer(view: View) -> str:
    if view.has_no_focus:
        return ""
    return f"layer:{view.timeline.operations[view.timeline.operation_at(view.state.k)].layer}"


def _current_level(view: View) -> str:
    return f"depth:{view.depth.title}"


# The figures around the stage are imported when they are first drawn: the stage comes first.


def _network_map(view: View, width: float, colors: Theme) -> Scene:
    from backpropviz.figures.network_map import network_map

    return network_map(view, width, colors)


def _call_stack(view: View, width: float, colors: Theme) -> Scene:
    from backpropviz.figures.network_map import call_stack

    return call_stack(view, width, colors)
