"""What the status line says of a pass."""

from __future__ import annotations

import numpy as np

from backpropviz.debugger.state import StopReason
from backpropviz.engine.address import Address
from backpropviz.engine.kinds.protocol import LOSS
from backpropviz.engine.mode import draws_masks, has_modes
from backpropviz.scene.numbers import shown
from backpropviz.ui.opened import Opened
from backpropviz.ui.subject import Subject


def state_text(opened: Opened, *, is_playing: bool = False) -> str:
    """Paused, playing, or at the end."""
    if opened.view.is_done:
        return "Finished"
    return "Playing" if is_playing else "Paused"


def message_text(opened: Opened) -> str:
    """Why it stands here, and the path."""
    stopped = opened.state.stopped
    if stopped.reason is StopReason.BREAKPOINT:
        return f"Breakpoint: {stopped.breakpoint}"
    if opened.view.is_done:
        return "The training step is complete: every value is final."
    step = opened.step
    if step is None:
        return ""
    what = str(opened.focus_address or step.layer or step.phase.value)
    if stopped.reason is StopReason.START:
        return f"At the start of the pass: {what}"
    return f"{step.depth.title.capitalize()}: {what}"


def facts_text(opened: Opened) -> str:
    """What the network says of the image, loss, float width, batch and reduction.

    The answer and the loss are told once the pass has computed them.
    """
    tape, subject = opened.view.tape, opened.subject
    reduction = subject.settings.reduction or getattr(tape.network.loss, "reduction", "mean")
    facts = [
        *_reading(opened),
        *([f"loss {shown(tape.loss, 4)}"] if _is_known(opened, LOSS) else []),
        f"float{subject.settings.float_bits}",
        f"batch {tape.batch}, {reduction}",
        *_mode(subject),
    ]
    return "     ".join(facts)


def _is_known(opened: Opened, address: Address) -> bool:
    done, total = opened.view.steps_done(address)
    return done == total


def _mode(subject: Subject) -> list[str]:
    """Where it makes a difference: train, with the seed of what is dropped, or eval."""
    network, mode = subject.model.network, subject.mode
    if not has_modes(network):
        return []
    is_drawn = mode.training and draws_masks(network)
    return [f"mode {mode.name}" + (f", dropout seed {mode.seed}" if is_drawn else "")]


def _reading(opened: Opened) -> list[str]:
    """p(target), and the class that the network takes it for."""
    tape, subject = opened.view.tape, opened.subject
    address, target = Address("loss", "probabilities"), subject.target
    if address not in tape or not isinstance(target, int) or not _is_known(opened, address):
        return []
    probabilities, names = tape[address][0], subject.model.class_names
    if np.isnan(probabilities).any():
        return []
    best = int(np.argmax(probabilities))

    def said(number: int) -> str:
        name = names[number] if number < len(names) else str(number)
        return f"p({name}) = {shown(float(probabilities[number]), 3)}"

    if best == target:
        return [f"reads it right: {said(target)}"]
    name = names[best] if best < len(names) else str(best)
    return [f"{said(target)}, reads it as {name}: {said(best)}"]
