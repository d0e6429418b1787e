"""Random edits of drafts: an edit is data, so that a failing sequence can be read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from backpropviz.engine.architecture import edits
from backpropviz.engine.architecture import edits as ends
from backpropviz.engine.architecture.draft import Draft, draft_of
from backpropviz.engine.architecture.presets import PRESETS, preset
from backpropviz.engine.kinds.registry import catalog, entry_of, loss_kinds
from backpropviz.engine.network import IMAGE_NAME

FIELDS: dict[str, tuple[object, ...]] = {
    "out_channels": (1, 3, 4, 0, "many"),
    "kernel_size": (1, 3, [1, 2], 9, 10**9, 0),
    "stride": (1, 2, None, [2, 1]),
    "padding": (0, 1, "same", [[0, 1], [1, 0]], -1),
    "groups": (1, 2, 3),
    "out_features": (1, 5, 10, -2),
    "bias": (True, False, 1),
    "p": (0.0, 0.25, 2.0),
    "shape": ([-1], [4, -1], [0], []),
    "output_size": (1, [2, None], 3, "wide"),
    "affine": (True, False),
    "nothing_of_the_kind": (1,),
}
NAMES = ("edges", "conv1", "image", "loss", "a b", "dense1", "weight", "läuft")


@dataclass(frozen=True)
class Step:
    """One edit: which, and numbers that choose among what the draft has."""

    what: str
    first: int
    second: int
    value: Any = None

    def apply(self, draft: Draft) -> Draft:
        names = draft.names or ("none",)
        name = names[self.first % len(names)]
        sources = (IMAGE_NAME, *draft.names)
        if self.what == "add":
            layer = entry_of(tuple(catalog())[self.second % len(catalog())]).layer
            return edits.add(draft, layer, sources[self.first % len(sources)])
        if self.what == "remove":
            return edits.remove(draft, name)
        if self.what == "move":
            return edits.move(draft, name, self.second % (len(names) + 1))
        if self.what == "rename":
            return edits.rename(draft, name, NAMES[self.second % len(NAMES)])
        if self.what == "kind":
            kinds = (*catalog(), "magic")
            return edits.change_kind(draft, name, kinds[self.second % len(kinds)])
        if self.what == "inputs":
            count = self.first % 3
            chosen = tuple(sources[(self.second + k) % len(sources)] for k in range(count))
            return edits.change_inputs(draft, name, chosen)
        return self._apply_to_the_ends(draft, name)

    def _apply_to_the_ends(self, draft: Draft, name: str) -> Draft:
        if self.what == "setting":
            field = tuple(FIELDS)[self.second % len(FIELDS)]
            return edits.change_setting(
                draft, name, field, FIELDS[field][self.first % len(FIELDS[field])]
            )
        if self.what == "loss":
            kinds = (*loss_kinds(), "guess")
            return ends.change_loss(draft, kinds[self.second % len(kinds)])
        if self.what == "input":
            shapes = ((1, 8, 8), (3, 6, 9), (2, 8, 8), (1, 0, 4), (7,), (1, 1, 1))
            return ends.change_input_shape(draft, shapes[self.second % len(shapes)])
        names = tuple(str(k % 4) if self.second % 5 == 0 else str(k) for k in range(self.first % 7))
        return ends.change_classes(draft, names)


WHATS = (
    *("add", "add", "remove", "move", "rename", "kind", "inputs"),
    *("setting", "setting", "setting", "loss", "input", "classes"),
)
STEPS = st.lists(
    st.builds(Step, st.sampled_from(WHATS), st.integers(0, 40), st.integers(0, 40)), max_size=12
)
STARTS = st.sampled_from(tuple(PRESETS)).map(
    lambda name: draft_of(preset(name, (1, 8, 8), 5), name, tuple("abcde"))
)
