"""The course of a run in numbers: a row per update, in columns that grow."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import field, fields, replace

import numpy as np

from backpropviz.engine.backprop import Forward
from backpropviz.engine.network import Network
from backpropviz.engine.value import Address, Array, freeze
from backpropviz.frozen import frozen


@frozen(eq=False)
class Measured:
    """An update in numbers; norms are √Σx², one a tensor, in the order of `tensors_of`.

    `loss` and `correct` (of `count` samples; None for a regression) are of the batch before the
    update. `weight_norms` are of the weights before it. `activities` has the share of each channel
    or unit that was active, of the layers of `activation_layers`; it is empty where it was not
    measured. Where loss, a gradient or a new weight is not finite, so may a number here be.
    """

    iteration: int
    epoch: int
    loss: float
    learning_rate: float
    correct: int | None
    count: int
    gradient_norms: tuple[float, ...]
    step_norms: tuple[float, ...]
    weight_norms: tuple[float, ...]
    activities: Mapping[str, Array] = field(default_factory=dict)

    @property
    def ratios(self) -> tuple[float, ...]:
        """‖step‖ / ‖weight‖ of each tensor; NaN where all weights are 0."""
        pairs = zip(self.step_norms, self.weight_norms, strict=True)
        return tuple(step / weight if weight else math.nan for step, weight in pairs)

    @property
    def gradient_norm(self) -> float:
        """√Σg² over all tensors."""
        return math.hypot(*self.gradient_norms)

    @property
    def accuracy(self) -> float | None:
        """The share of the batch that was answered right."""
        return None if self.correct is None else self.correct / self.count


@frozen(eq=False)
class Validated:
    """How a state does on samples that it does not learn from.

    `confusion[true, answer]` counts them; it and `accuracy` are None for a regression.
    """

    iteration: int
    loss: float
    accuracy: float | None
    confusion: Array | None


def tensors_of(network: Network) -> tuple[Address, ...]:
    """The trained tensors, in the order of a `Measured`'s norms."""
    return network.tensors


def activation_layers(network: Network) -> tuple[str, ...]:
    """The layers of which activities are measured."""
    return tuple(node.name for node in network.nodes if node.layer.about.active is not None)


def activities(network: Network, outputs: Mapping[str, Array]) -> Mapping[str, Array]:
    """The share of each channel (N,C,H,W) or unit (N,K) that is active in a batch, by layer.

    Active are rectifiers (and their smooth kin) above 0, sigmoid and tanh that are not saturated.
    """
    return {name: _shares(network, name, outputs[name]) for name in activation_layers(network)}


def _shares(network: Network, name: str, output: Array) -> Array:
    is_active = network.by_name[name].layer.about.active
    active = np.ones_like(output) if is_active is None else is_active(output)
    axes = (0, *range(2, output.ndim))
    return freeze(np.asarray(np.count_nonzero(active, axis=axes) / _count(output)))


def _count(output: Array) -> int:
    return output.size // output.shape[1] if output.ndim > 1 else output.size


def norm(array: Array) -> float:
    """√Σx², exact also where the squares pass the largest number of the array's width."""
    flat = array.ravel()
    with np.errstate(over="ignore"):  # it is computed anew below
        squares = float(np.dot(flat, flat))
    if math.isfinite(squares) or not np.isfinite(flat).all():
        return math.sqrt(squares) if squares >= 0 else math.nan
    largest = float(np.abs(flat).max())
    return largest * float(np.linalg.norm(flat.astype(np.float64) / largest))


NO_ANSWER = -1


def answers(outputs: Array) -> Array:
    """The class of each sample's largest output; `NO_ANSWER` where that is no number.

    A NaN counts as the largest; of infinite outputs the loss gives no probabilities.
    """
    largest = outputs.argmax(axis=1)
    values = np.take_along_axis(outputs, largest[:, None], axis=1)[:, 0]
    return np.where(np.isfinite(values), largest, NO_ANSWER)


def correct_answers(network: Network, run: Forward) -> int | None:
    """How many samples' largest output is the wanted class; None for a regression."""
    if run.target.dtype.kind != "i":
        return None
    return int(np.count_nonzero(answers(run.outputs[network.output]) == run.target))


MOST_ROWS = 60_000
"""Above this every second row of the older half goes, so that a long run stays small."""
RECENT = 256
CSV_HEADER = ("epoch", "update", "loss", "learning_rate", "val_loss", "val_accuracy")


@frozen(eq=False)
class Columns:
    """Rows of a history, read-only; norms are (rows, tensors), `accuracy` is NaN where none is."""

    iteration: Array
    epoch: Array
    loss: Array
    learning_rate: Array
    accuracy: Array
    count: Array
    gradient_norms: Array
    step_norms: Array
    weight_norms: Array

    def __len__(self) -> int:
        return len(self.iteration)

    @property
    def ratios(self) -> Array:
        """‖step‖ / ‖weight‖ (rows, tensors); NaN where all weights are 0."""
        ratios = np.full(self.step_norms.shape, np.nan)
        np.divide(self.step_norms, self.weight_norms, ratios, where=self.weight_norms != 0)
        return ratios


COLUMN_NAMES = tuple(field.name for field in fields(Columns))
_WHOLE = frozenset({"iteration", "epoch", "count"})
_NORMS = frozenset({"gradient_norms", "step_norms", "weight_norms"})


class History:
    """Rows in the order of the updates; what it gives out stays as it is while it grows."""

    def __init__(self, tensors: tuple[Address, ...], most_rows: int = MOST_ROWS) -> None:
        self.tensors = tensors
        self._most_rows = max(most_rows, 4)
        self._rows = 0
        self._arrays = _empty(min(1024, self._most_rows), len(tensors))
        self._validated: list[Validated] = []
        self._recent: deque[Measured] = deque(maxlen=RECENT)

    @classmethod
    def of(
        cls,
        tensors: tuple[Address, ...],
        columns: Columns,
        validated: tuple[Validated, ...],
        most_rows: int = MOST_ROWS,
        recent: tuple[Measured, ...] = (),
    ) -> History:
        """A history that goes on from rows that were kept."""
        found = cls(tensors, most_rows)
        found._rows = len(columns)
        arrays = {name: getattr(columns, name) for name in COLUMN_NAMES}
        found._arrays = _grown(arrays, len(columns), max(1024, 2 * len(columns)))
        for one in validated:
            found.add_validated(one)
        found._recent.extend(recent)
        return found

    def __len__(self) -> int:
        return self._rows

    def add(self, measured: Measured) -> None:
        """Append the row of the next update; one that is made anew replaces the old one."""
        if self._rows and self._arrays["iteration"][self._rows - 1] >= measured.iteration:
            self._forget_from(measured.iteration)
        self._make_room()
        accuracy = measured.accuracy
        for name, array in self._arrays.items():
            array[self._rows] = (
                getattr(measured, name)
                if name != "accuracy"
                else (np.nan if accuracy is None else accuracy)
            )
        self._rows += 1
        self._recent.append(measured)

    def add_validated(self, validated: Validated) -> None:
        """Append a validation; only the newest keeps its table, which may be large."""
        if self._validated:
            self._validated[-1] = replace(self._validated[-1], confusion=None)
        self._validated.append(validated)

    @property
    def recent(self) -> tuple[Measured, ...]:
        """The newest updates with all that was measured of them, activities too."""
        return tuple(self._recent)

    @property
    def validated(self) -> tuple[Validated, ...]:
        return tuple(self._validated)

    def columns(self, first: int = 1, last: int | None = None) -> Columns:
        """The rows of the updates from `first` to `last`, both included."""
        iterations = self._arrays["iteration"][: self._rows]
        begin = int(np.searchsorted(iterations, first))
        end = self._rows if last is None else int(np.searchsorted(iterations, last, "right"))
        return Columns(**{n: _read_only(array[begin:end]) for n, array in self._arrays.items()})

    def until(self, iteration: int) -> History:
        """A copy up to an update: how a fork begins."""
        validated = tuple(v for v in self._validated if v.iteration <= iteration)
        recent = tuple(m for m in self._recent if m.iteration <= iteration)
        columns = self.columns(1, iteration)
        return History.of(self.tensors, columns, validated, self._most_rows, recent)

    def csv_rows(self) -> Iterator[tuple[str, ...]]:
        """The header, then a row an update; validations stand in the row of their update."""
        yield CSV_HEADER
        found = {one.iteration: one for one in self._validated}
        columns = self.columns()
        for k, iteration in enumerate(columns.iteration):
            yield csv_row(
                int(columns.epoch[k]),
                int(iteration),
                float(columns.loss[k]),
                float(columns.learning_rate[k]),
                found.get(int(iteration)),
            )

    def _forget_from(self, iteration: int) -> None:
        self._rows = int(np.searchsorted(self._arrays["iteration"][: self._rows], iteration))
        # Readers may hold the old arrays.
        self._arrays = _grown(self._arrays, self._rows, len(self._arrays["iteration"]))
        recent = [one for one in self._recent if one.iteration < iteration]
        self._recent.clear()
        self._recent.extend(recent)

    def _make_room(self) -> None:
        room = len(self._arrays["iteration"])
        if self._rows < room:
            return
        if self._rows >= self._most_rows:
            half = self._rows // 2
            kept = np.concatenate([np.arange(0, half, 2), np.arange(half, self._rows)])
            self._arrays = {name: array[kept] for name, array in self._arrays.items()}
            self._rows = len(kept)
        self._arrays = _grown(self._arrays, self._rows, min(2 * room, self._most_rows))


def csv_row(
    epoch: int, iteration: int, loss: float, learning_rate: float, validated: Validated | None
) -> tuple[str, ...]:
    """An update as a row of `CSV_HEADER`; what was not computed is left empty."""
    row = (str(epoch), str(iteration), repr(loss), repr(learning_rate))
    if validated is None:
        return (*row, "", "")
    accuracy = "" if validated.accuracy is None else repr(validated.accuracy)
    return (*row, repr(validated.loss), accuracy)


def _empty(rows: int, tensors: int) -> dict[str, Array]:
    return {
        name: np.zeros(
            (rows, tensors) if name in _NORMS else rows, np.int64 if name in _WHOLE else np.float64
        )
        for name in COLUMN_NAMES
    }


def _grown(arrays: Mapping[str, Array], rows: int, room: int) -> dict[str, Array]:
    """Larger arrays that begin with the rows there are; the old ones are left to their readers."""
    larger = _empty(max(room, rows), arrays["gradient_norms"].shape[1])
    for name, array in larger.items():
        array[:rows] = arrays[name][:rows]
    return larger


def _read_only(array: Array) -> Array:
    array.flags.writeable = False
    return array
