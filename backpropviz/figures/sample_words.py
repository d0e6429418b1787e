"""A sample of a batch in words: its number, its target, what the network reads it as."""

from __future__ import annotations

import numpy as np

from backpropviz.engine.address import Address
from backpropviz.engine.arrays import Array
from backpropviz.engine.kinds.protocol import LOSS_NAME, TARGET
from backpropviz.figures.view import View
from backpropviz.scene.numbers import shown

_PROBABILITIES = Address(LOSS_NAME, "probabilities")
_LONGEST_TARGET = 1


def number_words(view: View, sample: int) -> str:
    """`sample 5 of 32`, counted from 0 as everywhere."""
    return f"sample {sample} of {view.tape.batch}"


def target_word(view: View, sample: int) -> str:
    """The target's class name, or its number; empty where it is more than one number."""
    target = np.asarray(view.tape[TARGET][sample]).reshape(-1)
    if view.tape.network.loss.about.is_of_classes:
        return _class_word(view, int(target[0]))
    return shown(float(target[0])) if target.size == _LONGEST_TARGET else ""


def answer_word(view: View, sample: int) -> str:
    """The likeliest class, once the probabilities are computed; empty before, or without."""
    if _PROBABILITIES not in view.tape or not view.tape.network.loss.about.is_of_classes:
        return ""
    done, total = view.steps_done(_PROBABILITIES)
    if done < total:
        return ""
    probabilities = view.tape[_PROBABILITIES][sample]
    return _class_word(view, int(np.argmax(probabilities))) if _is_finite(probabilities) else ""


def _is_finite(values: Array) -> bool:
    """Of NaN no class is the likeliest."""
    return bool(np.isfinite(values).all())


def target_words(view: View, sample: int) -> str:
    """`target 3, read as 8`."""
    target, answer = target_word(view, sample), answer_word(view, sample)
    named = (("target", target), ("read as", answer))
    return ", ".join(f"{name} {word}" for name, word in named if word)


def arrow_words(view: View, sample: int) -> str:
    """`3 → 8`: target and answer; an answer that is right needs no second word."""
    target, answer = target_word(view, sample), answer_word(view, sample)
    return f"{target} → {answer}" if answer and answer != target else target


def _class_word(view: View, number: int) -> str:
    names = view.model.class_names
    return names[number] if number < len(names) else str(number)
