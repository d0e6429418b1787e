"""BackpropViz: a step-through debugger for backpropagation in convolutional networks.

The public functions are loaded at first use, so that `import backpropviz` costs nothing::

    import backpropviz as bv
    model = bv.load_network("lenet")
    tape = bv.record(model, bv.load_image("seven.png", model), target=7)
    bv.explain(tape, "conv1.weight.grad[0,0,1,1]")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from backpropviz.assets import __version__

if TYPE_CHECKING:
    from backpropviz.api import explain, load_image, load_network, record
    from backpropviz.errors import BackpropVizError, UserError

__all__ = [
    "BackpropVizError",
    "UserError",
    "__version__",
    "explain",
    "load_image",
    "load_network",
    "record",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    home = "errors" if name.endswith("Error") else "api"
    return getattr(import_module(f"{__name__}.{home}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
