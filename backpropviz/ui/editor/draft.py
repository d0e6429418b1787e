"""What the editor holds: the draft with its history, the chosen layer, and what follows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from backpropviz.engine.architecture.draft import (
    Draft,
    Survey,
    WeightPlan,
    WeightStart,
    build_model,
    draft_of_model,
    survey,
    weight_plan,
)
from backpropviz.engine.architecture.edits import DraftHistory
from backpropviz.engine.kinds.protocol import LOSS_NAME
from backpropviz.engine.model import Model
from backpropviz.engine.network import IMAGE_NAME
from backpropviz.errors import UserError
from backpropviz.files import networks as model_file
from backpropviz.files.network_json import write_network


class DraftController(QObject):
    """The editor's only mutable object; `changed` tells that draft or choice are others.

    `survey` and `plan` follow from the draft: what is known of it, and which weights it can keep.
    """

    changed = Signal()
    refused = Signal(str)

    def __init__(self, draft: Draft, base: Model | None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.base = base
        self.in_file: Draft | None = draft
        """What a file, or a start from it, gives again; None: no draft is safe."""
        self.history = DraftHistory(draft)
        self.survey: Survey = survey(draft)
        self.plan: WeightPlan = weight_plan(draft, base, self.survey)
        self.chosen = draft.names[0] if draft.nodes else IMAGE_NAME

    @property
    def draft(self) -> Draft:
        """The network as it is now."""
        return self.history.present

    @property
    def is_end(self) -> bool:
        """Whether the image or the loss is chosen, and no layer."""
        return self.chosen in {IMAGE_NAME, LOSS_NAME}

    @property
    def places(self) -> tuple[str, ...]:
        """All that can be chosen, in order."""
        return (IMAGE_NAME, *self.draft.names, LOSS_NAME)

    @property
    def is_unsaved(self) -> bool:
        """Whether the draft is in no file."""
        return self.draft != self.in_file

    def edit(self, label: str, make: Callable[[Draft], Draft], choose: str = "") -> str:
        """Do an edit and choose a layer; returns why it cannot be done, or nothing."""
        try:
            draft = make(self.draft)
        except UserError as error:
            self.refused.emit(str(error))
            return str(error)
        self._take(self.history.edited(label, draft), choose)
        return ""

    def choose(self, name: str) -> None:
        """Turn to a layer, the image or the loss."""
        if name != self.chosen and name in self.places:
            self.chosen = name
            self.changed.emit()

    def undo(self) -> None:
        """Take the last edit back."""
        self._take(self.history.undone())

    def redo(self) -> None:
        """Do what was undone last."""
        self._take(self.history.redone())

    def start_from(self, label: str, draft: Draft) -> None:
        """Put a whole other network in this one's place; that can be undone, too."""
        self._take(self.history.edited(label, draft))

    def model(self, start: WeightStart) -> Model:
        """The network with weights; raises UserError where it does not fit together."""
        return build_model(self.draft, self.base, start)

    def _take(self, history: DraftHistory, choose: str = "") -> None:
        if history is self.history:
            return
        before = self.places.index(self.chosen)
        self.history = history
        self.survey = survey(history.present)
        self.plan = weight_plan(history.present, self.base, self.survey)
        if choose:
            self.chosen = choose
        elif self.chosen not in self.places:
            self.chosen = self.places[min(before, len(self.places) - 1)]
        self.changed.emit()


def controller_for(model: Model, parent: QObject | None = None) -> DraftController:
    """A controller that begins with a model; the title says that it is no longer that one."""
    draft = draft_of_model(model)
    suffix = ", edited"
    if not draft.title.endswith(suffix):
        draft = replace(draft, title=draft.title + suffix)
    return DraftController(draft, model, parent)


def save_draft(path: Path, draft: Draft, base: Model | None, start: WeightStart) -> Path:
    """Write a draft that fits together; it is read back with the same weights.

    Fresh weights are written as the seed that draws them, kept ones as numbers.

    Raises:
        UserError: the draft does not fit together, or the disk refuses.
    """
    if path.suffix.lower() not in {".json", ".bpv"}:
        path = path.with_name(path.name + ".json")
    model = build_model(draft, base, start)
    method, _, distribution = start.scheme.partition("_")
    drawn = {"method": method, "distribution": distribution, "seed": start.seed}
    try:
        if path.suffix.lower() == ".bpv":
            model_file.save_model(path, model)
        else:
            write_network(path, model, None if start.keeps_weights else drawn)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UserError(f"{path} cannot be written: {reason}; choose another place.") from None
    return path
