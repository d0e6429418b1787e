"""The edits of a draft, each with a label, to be undone and done again."""

from __future__ import annotations

from backpropviz.engine.architecture.draft import Draft
from backpropviz.frozen import frozen


@frozen
class Edit:
    """What was done, and the draft on its other side."""

    label: str
    draft: Draft


@frozen
class DraftHistory:
    """The present draft; `past` holds the drafts before it, `future` those undone."""

    present: Draft
    past: tuple[Edit, ...] = ()
    future: tuple[Edit, ...] = ()

    def edited(self, label: str, draft: Draft) -> DraftHistory:
        """After another edit; one that changes nothing is none."""
        if draft == self.present:
            return self
        return DraftHistory(draft, (*self.past, Edit(label, self.present)))

    def undone(self) -> DraftHistory:
        """Before the last edit; itself where there is none."""
        if not self.past:
            return self
        *past, last = self.past
        future = (*self.future, Edit(last.label, self.present))
        return DraftHistory(last.draft, tuple(past), future)

    def redone(self) -> DraftHistory:
        """After the edit that was undone last; itself where there is none."""
        if not self.future:
            return self
        *future, last = self.future
        past = (*self.past, Edit(last.label, self.present))
        return DraftHistory(last.draft, past, tuple(future))

    @property
    def undo_label(self) -> str:
        """What undoing would take back, or nothing."""
        return self.past[-1].label if self.past else ""

    @property
    def redo_label(self) -> str:
        """What would be done again, or nothing."""
        return self.future[-1].label if self.future else ""
