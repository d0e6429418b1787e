"""The current step as a program: naive loops, vectorized NumPy, or a PyTorch call.

What a panel shows are lines of the very program that is copied.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from backpropviz.debugger.steps import Depth
from backpropviz.figures.code_loops import loops_program
from backpropviz.figures.code_numpy import numpy_program
from backpropviz.figures.code_program import CodeLine, CodeVersion, Program
from backpropviz.figures.code_torch import torch_program
from backpropviz.figures.explained_step import ExplainedStep

__all__ = ["CodeLine", "CodeVersion", "Program", "code_lines", "code_source", "program"]

_PROGRAMS: Final[Mapping[CodeVersion, Callable[[ExplainedStep], Program | None]]] = (
    MappingProxyType(
        {
            CodeVersion.LOOPS: loops_program,
            CodeVersion.NUMPY: numpy_program,
            CodeVersion.TORCH: torch_program,
        }
    )
)


def program(step: ExplainedStep, version: CodeVersion = CodeVersion.LOOPS) -> Program | None:
    """A step's program; None where a step has no nest (the end of the pass, a whole phase)."""
    if step.operation is None or step.depth <= Depth.PHASE:
        return None
    return _PROGRAMS[version](step)


def code_lines(
    step: ExplainedStep, version: CodeVersion = CodeVersion.LOOPS
) -> tuple[CodeLine, ...]:
    """The lines that matter, with their values at this moment."""
    found = program(step, version)
    return () if found is None else found.core


def code_source(step: ExplainedStep, version: CodeVersion = CodeVersion.LOOPS) -> str:
    """The whole program, which reads `tape.npz` and prints the tensor or the value in focus.

    `backpropviz record -o tape.npz` writes the file; '' where a step has no code.
    """
    found = program(step, version)
    return "" if found is None else found.source
