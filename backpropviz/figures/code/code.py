"""The current step as a program: naive loops, vectorized NumPy, or a PyTorch call.

What a panel shows are lines of the very program that is copied.
"""

from __future__ import annotations

from backpropviz.debugger.steps import Depth
from backpropviz.figures.code.loops import loops_program
from backpropviz.figures.code.program import CodeLine, CodeVersion, Program
from backpropviz.figures.explanation.explained_step import ExplainedStep

__all__ = ["CodeLine", "CodeVersion", "Program", "code_lines", "code_source", "program"]


def program(step: ExplainedStep, version: CodeVersion = CodeVersion.LOOPS) -> Program | None:
    """A step's program; None where a step has no nest (the end of the pass, a whole phase)."""
    if step.operation is None or step.depth <= Depth.PHASE:
        return None
    # Loops are shown first; the other versions are loaded once somebody asks for them.
    match version:
        case CodeVersion.LOOPS:
            return loops_program(step)
        case CodeVersion.NUMPY:
            from backpropviz.figures.code.vectorized import numpy_program

            return numpy_program(step)
        case CodeVersion.TORCH:
            from backpropviz.figures.code.pytorch import torch_program

            return torch_program(step)


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
