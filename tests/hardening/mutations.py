"""Files with one to four faults, made from whole ones by a seed: the same seed, the same fault."""

from __future__ import annotations

import io
import json
import random
import re
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np

from backpropviz.storage.archive import to_npy

ODD_VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    2,
    3,
    7,
    10**6,
    10**15,
    -(10**15),
    0.5,
    -0.0,
    1e-300,
    1e300,
    "",
    " ",
    "²",
    "9" * 400,
    "x" * 5000,
    "conv1.weight.grad[0,0,0,1]",
    "loss",
    "image[999,0,0,0]",
    "\u202e",
    "a\nb",
    "../../etc/passwd",
    "relu",
    [],
    [0],
    [[]],
    [1, 2, 3],
    [[1, 2], [3, 4]],
    ["a"] * 200,
    {},
    {"kind": "relu"},
    {"kind": "sgd", "learning_rate": 1e300},
)
ODD_TEXTS = (
    "1e999",
    "NaN",
    "-Infinity",
    "[" * 3000,
    '{"a":' * 2000,
    '"\\ud800"',
    "1" * 5000,
    "\0",
    "\ufeff",
    "'",
    "}",
)
ODD_TOML = (
    "0",
    "-1",
    "inf",
    "nan",
    "1979-05-27",
    "true",
    "''",
    "'  '",
    "'loss'",
    "'conv1.weight.grad[0,0,0,1] > 0'",
    "'{loss'",
    "'**'",
    "[]",
    "[1, 'a', [2]]",
    "{}",
    "{ kind = 'value' }",
    "'" + "x" * 7000 + "'",
    "'" + "1+" * 400 + "1'",
    "'" + " " * 5000 + "'",
    "9" * 400,
    "'\\u202e²'",
)


def mutated_bytes(content: bytes, dice: random.Random) -> bytes:
    """Bytes flipped, cut off, cut out, doubled, overwritten."""
    found = bytearray(content)
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(max(len(found), 1))
        match dice.randrange(7):
            case 0:
                del found[at:]
            case 1:
                del found[at : at + dice.randint(1, 30)]
            case 2:
                found[at:at] = found[at : at + dice.randint(1, 200)]
            case 3:
                found[at:at] = dice.randbytes(dice.randint(1, 8))
            case 4:
                found[at : at + 4] = dice.choice((b"\xff" * 4, b"\0" * 4, b"\x7f\xff\xff\xff"))
            case _ if found:
                found[at % len(found)] ^= 1 << dice.randrange(8)
    return bytes(found)


def mutated_json(text: str, dice: random.Random) -> str:
    """Values replaced by odd ones, fields removed, renamed, exchanged; or the text itself hurt."""
    if dice.random() < 0.1:
        return mutated_bytes(text.encode(), dice).decode(errors="replace")
    document = json.loads(text)
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        places = list(_places(document))
        if not places:
            break
        numbers = [(h, k) for h, k in places if type(h[k]) in {int, float}]
        if numbers and dice.random() < 0.4:
            holder, key = dice.choice(numbers)
            near = (holder[key] + 1, -holder[key], 2 * holder[key], holder[key] / 2, 0.61)
            holder[key] = dice.choice(near)
            continue
        holder, key = dice.choice(places)
        match dice.randrange(6):
            case 0:
                del holder[key]
            case 1 if isinstance(holder, dict):
                holder[dice.choice((f"{key}x", "kind", "", "name"))] = holder.pop(key)
            case 1 | 2:
                other, name = dice.choice(places)
                if key in holder if isinstance(holder, dict) else key < len(holder):
                    value = json.loads(json.dumps(holder[key]))
                    if isinstance(other, dict) or name < len(other):
                        other[name] = value
            case _:
                holder[key] = dice.choice(ODD_VALUES)
    return _with_odd_text(json.dumps(document), dice)


def _with_odd_text(written: str, dice: random.Random) -> str:
    """Now and then with something that no value can be."""
    if dice.random() >= 0.1:
        return written
    at = dice.choice([found.start() for found in re.finditer(r"[\d\[{\"]", written)] or [0])
    return f"{written[:at]}{dice.choice(ODD_TEXTS)}{written[at + 1 :]}"


def _places(value: Any) -> Any:
    """Every field and item, with what holds it."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield value, key
            yield from _places(item)
    elif isinstance(value, list):
        for number, item in enumerate(value[:40]):
            yield value, number
            yield from _places(item)


def mutated_toml(text: str, dice: random.Random) -> str:
    """Lines removed, doubled, exchanged; values replaced by odd ones."""
    if dice.random() < 0.1:
        return mutated_bytes(text.encode(), dice).decode(errors="replace")
    lines = text.split("\n")
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        at = dice.randrange(len(lines))
        match dice.randrange(6):
            case 0:
                del lines[at]
            case 1:
                lines.insert(at, lines[dice.randrange(len(lines))])
            case 2:
                other = dice.randrange(len(lines))
                lines[at], lines[other] = lines[other], lines[at]
            case _:
                keyed = [k for k, line in enumerate(lines) if re.match(r"\s*\w+ *=", line)]
                if keyed:
                    at = dice.choice(keyed)
                    name = lines[at].partition("=")[0]
                    lines[at] = f"{name}= {dice.choice(ODD_TOML)}"
        lines = lines or [""]
    return "\n".join(lines)


def mutated_array(content: bytes, dice: random.Random) -> bytes:
    """Another shape, none at all, another kind of number, numbers that are none; or bytes hurt."""
    array = np.load(io.BytesIO(content))
    changes: list[Callable[[], Any]] = [
        lambda: array.reshape(-1)[:1].reshape(()) if array.size else np.float32(1),
        lambda: array[None],
        lambda: array[:0] if array.ndim else array,
        lambda: array[:-1] if array.ndim else array,
        lambda: array.T,
        lambda: np.full(array.shape, np.nan),
        lambda: np.full(array.shape, 3e38, np.float32),
        lambda: np.full(array.shape, -(2**62)),
        lambda: array.astype(np.uint8),
        lambda: array.astype(np.float64),
        lambda: array.astype(">f4"),
        lambda: array.astype(np.complex128),
        lambda: array.astype("U3"),
        lambda: np.zeros(3, dtype=[("a", "f4")]),
        lambda: np.asfortranarray(array),
    ]
    if dice.random() < 0.3:
        return mutated_bytes(content, dice)
    with np.errstate(all="ignore"):
        changed = np.asarray(dice.choice(changes)())
    buffer = io.BytesIO()
    np.save(buffer, changed)
    return (
        buffer.getvalue()
        if dice.random() < 0.7 or changed.dtype.kind not in "fiu"
        else to_npy(changed)
    )


def mutated_archive(content: bytes, dice: random.Random) -> bytes:
    """A member hurt, removed, doubled or renamed in an archive that is whole; or its bytes hurt."""
    if dice.random() < 0.15:
        return mutated_bytes(content, dice)
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        members = [(name, file.read(name)) for name in file.namelist()]
    at = dice.randrange(len(members))
    name, data = members[at]
    match dice.randrange(10):
        case 0:
            del members[at]
        case 1:
            members[at] = dice.choice((f"{name}x", f"../{name}", name.upper(), "x")), data
        case 2:
            members[at] = name, members[dice.randrange(len(members))][1]
        case _ if name.endswith(".json"):
            members[at] = name, mutated_json(data.decode(), dice).encode(errors="replace")
        case _ if name.endswith(".npy"):
            members[at] = name, mutated_array(data, dice)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for member, inside in members:
            file.writestr(member, inside)
    return buffer.getvalue()
