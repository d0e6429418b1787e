"""Pooling: each window of a channel becomes one number, its largest or its mean."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, get_args

import numpy as np

from backpropviz.engine.kernels import pooling as kernel
from backpropviz.engine.kernels.convolution import Window
from backpropviz.engine.kernels.workspace import Workspace
from backpropviz.engine.kinds.configuration import (
    DILATION,
    KERNEL,
    PADDING,
    STRIDE,
    Padding,
    Pair,
    image_shape,
    torch_filled,
    torch_padding,
    torch_pair,
    window,
    window_summary,
)
from backpropviz.engine.kinds.protocol import (
    Coding,
    Crossing,
    Family,
    Kept,
    Kind,
    LayerNests,
    OneInput,
    Pattern,
    Quantity,
    Residuals,
    Site,
    Torch,
    WinnerChange,
)
from backpropviz.engine.kinds.words import Sentences, Told, Words, opened
from backpropviz.engine.nest import (
    Coordinates,
    Index,
    Nest,
    NestRule,
    Operand,
    Presence,
    reached,
    under,
    variables,
)
from backpropviz.engine.operands import (
    ArrayCell,
    Indicator,
    Lettering,
    Share,
    TiedIndicator,
    TiedShare,
    TieRule,
    sizes_of,
)
from backpropviz.engine.value import Address, Array, Shape, cells_of
from backpropviz.errors import UserError
from backpropviz.frozen import Setting, frozen, setting

if TYPE_CHECKING:
    from backpropviz.engine.derivation import Term

_TIE_TEXTS: Mapping[object, str] = {
    "first": "the first in row-major order counts as the winner",
    "all": "each of them counts as a winner",
    "shared": "they share the gradient on the way back",
}


def _largest(told: Told) -> Sentences:
    seen = told.terms_seen()
    seen = seen[seen > -np.inf]
    if not seen.size:
        return Sentences("No value of the window has been compared yet.")
    if not told.is_complete:
        count = told.counted(seen.size, "value")
        bold = f"The largest of the first {count} is {told.said(told.value)}."
    else:
        count = told.counted(seen.size, "value")
        bold = f"The largest of the {count} goes on: {told.said(told.value)}."
    equal = int(np.count_nonzero(seen == seen.max()))
    if equal > 1:
        why = f"{equal} of them are equally large; {_TIE_TEXTS[told.layer.ties]}."
    else:
        why = "The others have no effect on anything that follows." if told.is_complete else ""
    return Sentences(bold, (why,) if why else ())


def _mean(told: Told) -> Sentences:
    count = told.counted(len(told.derivation.positions), "value")
    bold = f"The {count} of the window, each by its share, make {told.said(told.value)}."
    return Sentences(opened(told, bold), (told.derivation.nest.remark,))


_LOSER = (
    "Only the largest value of a window went on, so for this image a loser had no effect on the "
    "loss. A small nudge of it changes nothing until it overtakes the winner: its derivative is 0, "
    "computed, not missing. Other images and windows make other winners."
)


_WINNER = (
    "Only the largest value of a window went on to the loss, so it alone answers for it. Other "
    "images and windows make other winners."
)


_FILTER_IS_SHARED = (
    "A loser has no weights of its own that would miss out: all positions share one filter, and "
    "∂L/∂W gathers upstream times image at the positions that won."
)


_MANY = 64


def _won_back(told: Told) -> Sentences:
    """What a cell gets from the windows that it stood in."""
    derivation = told.derivation
    windows = len(derivation.positions)
    if windows == 0:
        return Sentences(
            "No window reaches this cell, so its gradient is 0.",
            ("It had no influence on the loss.",),
        )
    terms = [derivation.terms[k] for k in range(min(windows, _MANY))]
    won = [term for term in terms if term.operands[1].value]
    if not won:
        return _lost(told, terms)
    if any(term.operands[1].label == "tied" for term in won):
        return _tied_back(told, won, windows)
    reasons = (_WINNER, *_whose_weights(told))
    if windows == 1:
        bold = (
            f"It won its window, so it takes the whole upstream gradient: {told.said(told.value)}."
        )
    else:
        verb = "takes" if len(won) == 1 else "adds up"
        theirs = "its upstream gradient" if len(won) == 1 else "their upstream gradients"
        bold = f"It won {len(won)} of its {windows} windows and {verb} {theirs}: "
        bold += f"{told.said(told.value)}."
    return Sentences(bold, reasons)


def _tied_back(told: Told, won: list[Term], windows: int) -> Sentences:
    """A cell that shares its rank with others, where not just the first of them counts."""
    remark = told.derivation.nest.remark
    if windows > 1:
        bold = f"It won or tied {len(won)} of its {windows} windows and adds up what it takes: "
        return Sentences(f"{bold}{told.said(told.value)}.", (remark,))
    is_shared = len(won[0].operands) > 2
    part = won[0].operands[2].label if is_shared else "the whole"
    bold = f"It tied for its window and takes {part} of the upstream gradient: "
    return Sentences(f"{bold}{told.said(told.value)}.", (remark,))


def _lost(told: Told, terms: list[Term]) -> Sentences:
    own = told.value_at(told.address.of(""))
    reasons = (_LOSER, *_whose_weights(told))
    if len(terms) > 1:
        return Sentences(f"It lost all {len(terms)} of its windows, so it gets 0.", reasons)
    best = _best_of(told, terms[0])
    if best is None:
        return Sentences("It lost its window, so it gets 0.", reasons)
    if own == best:
        bold = f"It tied at {told.said(own)}, and the first in row-major order wins: it gets 0."
    else:
        bold = f"It lost its window to {told.said(best)}, so it gets 0."
    return Sentences(bold, (f"Its own value was {told.said(own)}.", *reasons))


def _best_of(told: Told, term: Term) -> float | None:
    """The value that won a window: the pooling's output there."""
    upstream = term.operands[0].address
    return None if upstream is None else told.value_at(upstream.of(""))


def _shared_out(told: Told) -> Sentences:
    """What a cell gets back from means that it was part of."""
    windows = len(told.derivation.positions)
    if windows == 0:
        return Sentences("No window reaches this cell, so its gradient is 0.")
    share = told.derivation.terms[0].operands[1]
    remark = told.derivation.nest.remark
    if windows == 1:
        bold = f"It had a share of {share.label} in its window's mean, so it takes as much: "
        return Sentences(f"{bold}{told.said(told.value)}.", (remark,))
    count = told.counted(windows, "window")
    bold = f"It had a share in {count}, and takes as much of each: {told.said(told.value)}"
    return Sentences(f"{bold}{'' if told.is_complete else ' so far'}.", (remark,))


def _whose_weights(told: Told) -> tuple[str, ...]:
    """What clears up whose weights a loser has, where a convolution made the pooled map."""
    return (_FILTER_IS_SHARED,) if told.comes_from_filter else ()


def losers_in_general(*, comes_from_filter: bool) -> tuple[str, ...]:
    """Why a whole channel's losers get 0, and why that is no loss."""
    return (_LOSER, _FILTER_IS_SHARED) if comes_from_filter else (_LOSER,)


def _summary(word: str) -> Callable[[Any, Sequence[str]], str]:
    def written(layer: Any, _: Sequence[str]) -> str:
        return f"{word} " + ", ".join(window_summary(layer.window, layer.window.kernel))

    return written


def _ask_largest(layer: Any, given: Sequence[str]) -> str:
    window, source = layer.window, given[0]
    options = f", {torch_pair(window.kernel)}, stride={torch_pair(window.stride)}"
    if _is_padded_before(window):
        source = torch_filled(source, window, 'float("-inf")')
    else:
        options += torch_padding(window)
    options += "" if window.dilation == (1, 1) else f", dilation={torch_pair(window.dilation)}"
    return f"F.max_pool2d({source}{options}{_ceil(window)})"


def _ask_mean(layer: Any, given: Sequence[str]) -> str:
    window, source = layer.window, given[0]
    options = f", {torch_pair(window.kernel)}, stride={torch_pair(window.stride)}"
    if not _is_padded_before(window):
        options += f"{torch_padding(window)}{_ceil(window)}"
        options += "" if layer.count_include_pad else ", count_include_pad=False"
        return f"F.avg_pool2d({source}{options})"
    options += _ceil(window)
    found = f"F.avg_pool2d({torch_filled(source, window)}{options})"
    if layer.count_include_pad:
        return found
    # The share of cells that lie in the input, which padding by hand would not leave out.
    inside = torch_filled(f"torch.ones_like({source})", window)
    return f"{found} / F.avg_pool2d({inside}{options})"


def _is_padded_before(window: Window) -> bool:
    """Whether the padding is more than PyTorch's pooling takes: one number, half a kernel."""
    pairs = zip(window.padding, window.kernel, strict=True)
    return any(before != after or before > size // 2 for (before, after), size in pairs)


def _may_exceed(layer: Any) -> bool:
    """PyTorch would let windows begin in what was padded by hand."""
    return bool(layer.window.ceil_mode) and _is_padded_before(layer.window)


def _ceil(window: Window) -> str:
    return ", ceil_mode=True" if window.ceil_mode else ""


def _first_alone(layer: Any, is_gradient: bool) -> str:
    if is_gradient and layer.ties != "first":
        return "PyTorch always gives the whole gradient to the first winner."
    return ""


def _plain_windows(layer: Any, _: bool) -> str:
    if layer.window.dilation != (1, 1):
        return "PyTorch's average pooling knows no dilation."
    return ""


MEAN_WORDS = Words(_mean, _shared_out)


def _global_numpy(coding: Coding) -> Iterator[tuple[str, Shape | None]]:
    shape = coding.input_shape
    if coding.nest.target.is_gradient:
        size = shape[2] * shape[3]
        yield f"{coding.target} = np.broadcast_to(g / {size}, {shape})", shape
        return
    text = f"{coding.target} = {coding.source}.mean(axis=(2, 3), keepdims=True)"
    yield text, coding.nest.shape


class MaxPoolKinks:
    """The slope changes where another cell of the window becomes the largest."""

    def between(
        self, name: str, layer: Any, base: Kept, minus: Kept, plus: Kept
    ) -> Iterator[Crossing]:
        """Windows that not all passes give to the same cell."""
        low, here, high = (r["switches"] for r in (minus, base, plus))
        for place in cells_of((low != here) | (high != here)):
            other = low if low[place] != high[place] else here
            winners = (_winner(name, base, place, int(s[place])) for s in (other, high))
            yield WinnerChange(Address(name, "output", "", place), *winners)


def _winner(name: str, base: Kept, window: Coordinates, switch: int) -> Address:
    row, column = divmod(switch, base["input"].shape[3])
    return Address(name, "input", "", (*window[:2], row, column))


@frozen(slots=False)
class _Windowed(OneInput):
    """What both poolings with a window are told; the stride is the kernel size unless given."""

    name_in_words: ClassVar[str]
    kernel_size: Pair = setting(KERNEL)
    stride: Pair | None = setting(STRIDE, default=None)
    padding: Padding = setting(PADDING, default=0)
    dilation: Pair = setting(DILATION, default=1)
    ceil_mode: bool = setting(
        Setting("Partial windows", "Count a last window that reaches over the border."),
        default=False,
    )

    def __post_init__(self) -> None:
        """Refuse what can be refused without knowing the input."""
        _ = self.window

    @cached_property
    def window(self) -> Window:
        """The geometry."""
        return window(
            self.kernel_size, self.stride, self.padding, self.dilation, ceil_mode=self.ceil_mode
        )

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """(channels, rows, columns) of windows; each has at least one cell inside the input."""
        channels, height, width = image_shape(inputs, self.name_in_words)
        rows, columns = self.window.output_size(height, width)
        kernel.window_counts(height, width, self.window, count_include_pad=False)
        return (channels, rows, columns)


@frozen(slots=False)
class MaxPool2d(_Windowed):
    """o[n,c,y,x] = max_{i,j} X[n,c,y·s+i·d−p,x·s+j·d−p]; padding never wins.

    Only the winner (the first in row-major order) receives the upstream gradient; its flat index in
    the unpadded plane is the residual `switches`.
    `ties` may instead give the whole to every cell that holds the largest value ("all") or share it
    out evenly among them ("shared"); then the residual `tied` counts these cells.
    """

    kind: ClassVar[str] = "max_pool2d"
    about: ClassVar[Kind] = Kind(
        "Max pooling",
        "p",
        Family.POOLING,
        "pool",
        "The largest value of each window goes on.",
        Torch(_ask_largest, lacks=_first_alone, exceeds=_may_exceed),
        {"kernel_size": 2},
        Words(_largest, _won_back),
        Pattern.LARGEST,
        _summary("max"),
        {"switches": Quantity("k"), "tied": Quantity("tied")},
        kinks=MaxPoolKinks(),
    )
    name_in_words: ClassVar[str] = "a max-pooling"
    ties: TieRule = setting(
        Setting("At a tie", "Which of equal largest values takes the gradient."), default="first"
    )

    def __post_init__(self) -> None:
        """Refuse what can be refused without knowing the input."""
        _Windowed.__post_init__(self)
        if self.ties not in get_args(TieRule):
            raise UserError(f"ties = “{self.ties}” must be “first”, “all” or “shared”.")

    def run(self, values: Array, workspace: Workspace | None = None) -> tuple[Array, Residuals]:
        """The winners; where they stood is kept, and how many they are if ties matter."""
        output, switches = kernel.max_pool(values, self.window, workspace)
        kept = {"input": values, "switches": switches}
        if self.ties != "first":
            kept["output"] = output
            kept["tied"] = kernel.tied_counts(values, output, self.window, workspace)
        return output, kept

    def run_back(
        self, upstream: Array, residuals: Residuals, workspace: Workspace | None = None
    ) -> Array:
        """Each upstream value is added to its winner, or as `ties` says to all that hold it."""
        image = residuals["input"]
        if self.ties == "first":
            switches = residuals["switches"]
            return kernel.max_pool_gradient(upstream, switches, image.shape, workspace)
        counts = residuals["tied"] if self.ties == "shared" else None
        return kernel.tied_gradient(
            upstream, image, residuals["output"], self.window, counts, workspace
        )

    def nests(self, site: Site) -> LayerNests:
        """Output; ∂X."""
        loops = PoolingLoops(site, self.window)
        return LayerNests((loops.largest(),), (loops.winner_gradient(self.ties),))


@frozen(slots=False)
class AvgPool2d(_Windowed):
    """o[n,c,y,x] = Σ_{i,j} X[n,c,y·s+i·d−p,x·s+j·d−p] / n_{y,x}.

    n counts the window's cells: those in padding too, unless `count_include_pad` is false, but
    never those beyond the padding, which `ceil_mode` may let a window reach.
    """

    kind: ClassVar[str] = "avg_pool2d"
    about: ClassVar[Kind] = Kind(
        "Average pooling",
        "p",
        Family.POOLING,
        "pool",
        "The mean of each window goes on.",
        Torch(_ask_mean, lacks=_plain_windows, exceeds=_may_exceed),
        {"kernel_size": 2},
        MEAN_WORDS,
        Pattern.MEANS,
        _summary("mean"),
    )
    name_in_words: ClassVar[str] = "an average-pooling"
    count_include_pad: bool = setting(
        Setting("Count padding", "Whether the mean counts padded pixels as 0."), default=True
    )

    def run(self, values: Array, workspace: Workspace | None = None) -> tuple[Array, Residuals]:
        """The means."""
        output = kernel.average_pool(values, self.window, self.count_include_pad, workspace)
        return output, {"input": values}

    def run_back(
        self, upstream: Array, residuals: Residuals, workspace: Workspace | None = None
    ) -> Array:
        """Each upstream value is shared out evenly over its window."""
        return kernel.average_pool_gradient(
            upstream, residuals["input"].shape, self.window, self.count_include_pad, workspace
        )

    def nests(self, site: Site) -> LayerNests:
        """Output; ∂X."""
        height, width = site.inputs[0][2:]
        counts = kernel.window_counts(height, width, self.window, self.count_include_pad)
        loops = PoolingLoops(site, self.window)
        return LayerNests((loops.mean(counts),), (loops.share_gradient(counts),))


@frozen
class GlobalAvgPool2d(OneInput):
    """o[n,c,0,0] = Σ_{y,x} X[n,c,y,x] / (H·W): one window over each whole channel."""

    kind: ClassVar[str] = "global_avg_pool2d"
    about: ClassVar[Kind] = Kind(
        "Global average pooling",
        "p",
        Family.POOLING,
        "mean",
        "Each map becomes its mean, whatever its size.",
        Torch("F.adaptive_avg_pool2d({0}, 1)"),
        words=MEAN_WORDS,
        pattern=Pattern.MEANS,
        summary=lambda *_: "mean of each map",
        numpy=_global_numpy,
        is_numbered=False,
    )

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """(channels, 1, 1)."""
        channels, _, _ = image_shape(inputs, "a global average-pooling")
        return (channels, 1, 1)

    def run(self, values: Array, workspace: Workspace | None = None) -> tuple[Array, Residuals]:
        """The mean of each channel."""
        return _over_all(values.shape).run(values, workspace)

    def run_back(
        self, upstream: Array, residuals: Residuals, workspace: Workspace | None = None
    ) -> Array:
        """Each upstream value is shared out evenly over its channel."""
        return _over_all(residuals["input"].shape).run_back(upstream, residuals, workspace)

    def nests(self, site: Site) -> LayerNests:
        """Output; ∂X."""
        return _over_all(site.inputs[0]).nests(site)


def _over_all(batch_shape: Shape) -> AvgPool2d:
    return AvgPool2d((batch_shape[2], batch_shape[3]))


# Names: n sample, c channel, y x window, i j cell of the window, u v cell of the input.


_REMARKS: Mapping[TieRule, str] = {
    "first": "The winner takes the whole upstream gradient of its window; the others, which did "
    "not reach the loss, take nothing.",
    "all": "Every cell that holds the largest value takes the whole upstream gradient of its "
    "window (tie rule: all); the others take nothing.",
    "shared": "The cells that hold the largest value share the upstream gradient of their window "
    "evenly (tie rule: shared); the others take nothing.",
}


class PoolingLoops:
    """Builds the nests of one pooling layer from its geometry and shapes."""

    def __init__(self, site: Site, window: Window) -> None:
        self.site = site
        self.window = window
        cell = dict(zip("ij", window.kernel, strict=True))
        sizes = sizes_of(site.inputs[0], "ncuv") | sizes_of(site.output_shape) | cell
        self.by_window = Lettering("window", "nc|yx|ij", sizes)
        self.by_cell = Lettering("cell", "nc|uv|ij", sizes)

    def largest(self) -> Nest:
        """n c | y x | i j, by maximum."""
        return self._output(NestRule.MAX, (), "Only the largest value of the window goes on.")

    def mean(self, counts: Array) -> Nest:
        """n c | y x | i j, by summation of X/n."""
        _, _, y, x, _, _ = variables(6)
        share = Share(counts, (y, x))
        return self._output(NestRule.SUM, (share,), "Every value of the window has an equal share.")

    def winner_gradient(self, ties: TieRule = "first") -> Nest:
        """upstream · [the cell won], and where ties are shared · 1/k."""
        by_cell, by_window = self._names()
        return self._gradient(self._won(by_cell, ties), self._won(by_window, ties), _REMARKS[ties])

    def share_gradient(self, counts: Array) -> Nest:
        """upstream · 1/n."""
        by_cell, by_window = self._names()
        return self._gradient(
            (Share(counts, by_cell[2:4]),),
            (Share(counts, by_window[2:4]),),
            "Every cell had an equal share in the mean, so it takes one of the gradient.",
        )

    def _output(self, rule: NestRule, further: tuple[Operand, ...], remark: str) -> Nest:
        n, c, y, x, i, j = variables(6)
        pixel = ArrayCell(self.site.input(), (n, c, *under(self.window, y, x, i, j)))
        loops = self.by_window.loops("ncyx", (pixel, *further))
        return Nest(self.site.output, self.site.output_shape, rule, (loops,), remark=remark)

    def _gradient(
        self, of_cell: tuple[Operand, ...], of_window: tuple[Operand, ...], remark: str
    ) -> Nest:
        """By cell n c | u v | i j, or by window n c | y x | i j."""
        n, c, _, _, i, j = variables(6)
        by_cell, by_window = self._names()
        (y, x), (u, v) = by_cell[2:4], by_window[4:6]
        cells = replace(
            self.by_cell.loops("ncuv", (self._upstream(by_cell), *of_cell)),
            locate=(n, c, u, v, i, j),
        )
        windows = replace(
            self.by_window.loops("", (self._upstream(by_window), *of_window)),
            target=(n, c, u, v),
            locate=(n, c, y, x, i, j),
        )
        orders, target = (cells, windows), self.site.input().grad
        return Nest(target, self.site.inputs[0], NestRule.SUM, orders, remark=remark)

    def _names(self) -> tuple[tuple[Index, ...], tuple[Index, ...]]:
        """n c y x u v as maps of the loops by cell, and of those by window."""
        n, c, row, column, i, j = variables(6)
        return (
            (n, c, *reached(self.window, row, column, i, j), row, column),
            (n, c, row, column, *under(self.window, row, column, i, j)),
        )

    def _upstream(self, names: tuple[Index, ...]) -> ArrayCell:
        return ArrayCell(self.site.output.grad, names[:4], Presence.ABSENT)

    def _won(self, names: tuple[Index, ...], ties: TieRule) -> tuple[Operand, ...]:
        site, width = self.site, self.site.inputs[0][3]
        switches, window, cell = site.quantity("switches"), names[:4], (names[4], names[5])
        if ties == "first":
            return (Indicator(switches, window, cell, width),)
        tied = site.quantity("tied")
        won = TiedIndicator(switches, window, cell, width, site.input(), site.output, tied)
        return (won, TiedShare(tied, window)) if ties == "shared" else (won,)


LAYERS = (MaxPool2d, AvgPool2d, GlobalAvgPool2d)
