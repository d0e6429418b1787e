"""Documents from anywhere, JSON or TOML: each value knows its place, and each error names it.

Network, run, session, lesson and settings files are all read through `Value`. Types and ranges
come from the annotations of the class that is read: `count: Annotated[int, Within(1, 100)]`.
What a person types as a number is read by `whole_number` and `real_number`.
"""

from __future__ import annotations

import json
import math
import re
import reprlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from functools import cache
from types import MappingProxyType, NoneType, UnionType
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    ClassVar,
    Final,
    Literal,
    NoReturn,
    Protocol,
    TypeAlias,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    overload,
)

from backpropviz.errors import UserError
from backpropviz.frozen import frozen
from backpropviz.toml_places import TomlPath, TomlPlaces, places_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

T = TypeVar("T")
Default = TypeVar("Default")
Readers: TypeAlias = "Mapping[Any, Callable[[Value], Any]]"
"""How types are read that are neither plain nor dataclasses."""
_NO_READERS: Final[Readers] = MappingProxyType({})
LONGEST_TEXT: Final = 2000
LARGEST_INTEGER: Final = 10**15
"""A float64 holds it exactly."""
_LARGEST_FLOAT32: Final = 3.4028234663852886e38
KIND_FIELD: Final = "kind"


@frozen
class Within:
    """The range of a number, or of the number of items: both ends belong to it."""

    least: float = -math.inf
    most: float = math.inf

    def __str__(self) -> str:
        """`from 1 to 100`."""
        if math.isinf(self.most):
            return f"of at least {self.least:,.12g}"
        if math.isinf(self.least):
            return f"of at most {self.most:,.12g}"
        return f"from {self.least:.12g} to {self.most:.12g}"


@frozen
class JsonPlace:
    """A place by the fields and items that lead to it: `layers[2] (pool1): stride`."""

    text: str = ""
    joint: str = "."

    @property
    def begin(self) -> str:
        """What a sentence about the value begins with, its colon included."""
        return f"{self.text}: " if self.text else ""

    def subject(self, value: object) -> str:
        """The value as the first words of a sentence."""
        return f"{self.text} = {reprlib.repr(value)}" if self.text else reprlib.repr(value)

    def member(self, name: str) -> JsonPlace:
        return JsonPlace(f"{self.text}{self.joint}{name}" if self.text else name)

    def item(self, number: int) -> JsonPlace:
        return JsonPlace(f"{self.text}[{number}]")

    def called(self, name: str) -> JsonPlace:
        """The place of something that has a name of its own."""
        return JsonPlace(f"{self.text} ({name})", ": ")


@frozen
class LinePlace:
    """A place by its file and line: `my.toml, line 12`."""

    file: str
    places: TomlPlaces
    path: TomlPath = ()

    @property
    def begin(self) -> str:
        return f"{self.file}, line {self.places.line(self.path)}: "

    def subject(self, value: object) -> str:
        names = [key for key in self.path if isinstance(key, str)]
        name = f"“{names[-1]}”" if names else "the file"
        if isinstance(value, str):
            return f"{name} = “{value:.60}”" if value.strip() else name
        return name if isinstance(value, dict | list) else f"{name} = {value!r:.60}"

    def member(self, name: str) -> LinePlace:
        return LinePlace(self.file, self.places, (*self.path, name))

    def item(self, number: int) -> LinePlace:
        return LinePlace(self.file, self.places, (*self.path, number))

    def called(self, _name: str) -> LinePlace:
        return self


@frozen
class Value:
    """A value of a document and where it stands."""

    value: object
    place: JsonPlace | LinePlace

    @property
    def line(self) -> int:
        """The line (from 1) on which it begins; 0 where its document has no lines."""
        return self.line_within("")

    def line_within(self, piece: str) -> int:
        """The line on which a piece of its text stands; 0 where its document has no lines."""
        place = self.place
        return place.places.line(place.path, piece) if isinstance(place, LinePlace) else 0

    def error(self, sentence: str, piece: str = "") -> UserError:
        """An error that names the place, or that of a piece of its text."""
        if piece and isinstance(self.place, LinePlace):
            return _located(self.place.file, self.line_within(piece), sentence)
        return UserError(f"{self.place.begin}{sentence}")

    def refuse(self, remedy: str) -> NoReturn:
        """Raise: the place, the value, what to do."""
        raise UserError(f"{self._subject}: {remedy}.")

    def must_be(self, wanted: str) -> UserError:
        """An error: the place, the value, what it must be."""
        return UserError(f"{self._subject} must be {wanted}.")

    def without(self, *names: str) -> Value:
        """The object without some of its fields."""
        kept = {name: member.value for name, member in self.members().items() if name not in names}
        return Value(kept, self.place)

    def called(self, name: str) -> Value:
        """The same value, told by the name that it has."""
        return Value(self.value, self.place.called(name))

    @property
    def _subject(self) -> str:
        begin = self.place.begin if isinstance(self.place, LinePlace) else ""
        return f"{begin}{self.place.subject(self.value)}"

    def members(
        self, allowed: Sequence[str] | None = None, required: Sequence[str] = (), what: str = "it"
    ) -> Mapping[str, Value]:
        """The fields of an object; `allowed` None: any; `what` says what the object is."""
        if not isinstance(self.value, dict):
            listed = f": {', '.join(allowed)}" if allowed else ""
            raise self.must_be(f"{_OBJECT[type(self.place)]} with named fields{listed}")
        found = {name: Value(item, self.place.member(name)) for name, item in self.value.items()}
        for name, member in found.items():
            if allowed is not None and name not in allowed:
                told = member if isinstance(self.place, LinePlace) else self
                raise told.error(unknown_field(name, what, allowed))
        for name in required:
            if name not in found:
                raise self.error(f"{what} has no “{name}”: add it.")
        return found

    def items(self) -> list[Value]:
        """The items of a list."""
        if not isinstance(self.value, list | tuple):
            raise self.must_be("a list [ … ]")
        return [Value(item, self.place.item(k)) for k, item in enumerate(self.value)]

    def one_or_more(self) -> list[Value]:
        """The items of a list, or a single value as a list of one."""
        return self.items() if isinstance(self.value, list) else [self]

    def text(self, longest: int = LONGEST_TEXT, *, lines: bool = False) -> str:
        """A text of bounded length, in one line unless `lines`."""
        if not isinstance(self.value, str):
            raise self.must_be('a text in quotes "…"')
        if len(self.value) > longest:
            raise self.must_be(f"a text of at most {longest} characters")
        plain = self.value.replace("\n", "").replace("\t", "") if lines else self.value
        if not plain.isprintable():
            raise self.must_be("text that can be printed" if lines else "one line of text")
        return self.value

    def words(self, longest: int = LONGEST_TEXT, *, lines: bool = False) -> str:
        """A text that says something, without the spaces around it."""
        text = self.text(longest, lines=lines).strip()
        if not text:
            raise self.must_be('a text in quotes "…"')
        return text

    def integer(self, least: int, most: int) -> int:
        """A whole number within bounds."""
        value = self.value
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise self.must_be(f"a whole number from {least} to {most}")
        return value

    def number(self, least: float = -math.inf) -> float:
        """A finite number, whole or not."""
        if isinstance(self.value, bool) or not isinstance(self.value, int | float):
            raise self.must_be("a number")
        try:
            number = float(self.value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise self.must_be("a number" if math.isnan(number) else "a number that is finite")
        if number < least:
            raise self.must_be(
                f"a number of at least {least:g}" if least else "0 or a positive number"
            )
        return number

    def flag(self) -> bool:
        if not isinstance(self.value, bool):
            raise self.must_be("true or false")
        return self.value

    def choice(self, options: Sequence[str]) -> str:
        if not isinstance(self.value, str) or self.value not in options:
            listed = ", ".join(f'"{option}"' for option in options)
            raise self.must_be(f"one of {listed}")
        return self.value

    def array(self, shape: tuple[int, ...]) -> NDArray[Any]:
        """Nested lists of finite numbers, read-only, in full precision (float64)."""
        import numpy as np

        flat: list[float] = []
        _collect(self, shape, shape, flat)
        array = np.array(flat, dtype=np.float64).reshape(shape)
        if np.abs(array).max(initial=0) > _LARGEST_FLOAT32:
            raise self.error("a number is too large for float32: use smaller ones.")
        array.flags.writeable = False
        return array

    def fitted(self, hint: Any, readers: Readers = _NO_READERS) -> Any:
        """The value as an annotation wants it; lists become tuples, objects dataclasses.

        `readers` say how types that are neither are read.
        """
        origin, options = get_origin(hint), get_args(hint)
        if hint in readers:
            return readers[hint](self)
        if origin is Annotated:
            return self._in_range(self.fitted(options[0], readers), options[1:])
        if origin in {Union, UnionType}:
            return self._fitted_to_any(hint, options, readers)
        if origin is tuple and isinstance(self.value, list | tuple):
            return self._fitted_tuple(hint, options, readers)
        if origin is Mapping and isinstance(self.value, dict):
            return {name: v.fitted(options[1], readers) for name, v in self.members().items()}
        return self._fitted_plainly(hint, readers)

    def _fitted_plainly(self, hint: Any, readers: Readers) -> Any:
        if hint is float:
            return self.number()
        if isinstance(hint, type):
            if is_dataclass(hint):
                return self.record(hint, readers)
            if issubclass(hint, Enum):
                return self._member_of(hint)
            if type(self.value) is hint:
                return self.value
        elif get_origin(hint) is Literal and self.value in get_args(hint):
            return self.value
        raise self.must_be(in_words(hint))

    def record(self, cls: type[T], readers: Readers = _NO_READERS, what: str = "") -> T:
        """An object as a frozen dataclass; fields with a default may be left out.

        Raises:
            UserError: a field is missing, unknown, of a wrong type or out of range.
        """
        known, hints = _shape_of(cls)  # type: ignore[arg-type]
        needed = [
            name
            for name, field in known.items()
            if field.default is MISSING and field.default_factory is MISSING
        ]
        found = self.members(tuple(known), needed, what or "it")
        given = {name: member.fitted(hints[name], readers) for name, member in found.items()}
        try:
            return cls(**given)
        except UserError as error:
            raise self.error(str(error)) from None

    def configuration(
        self, kinds: Mapping[str, type[T]], noun: str, readers: Readers = _NO_READERS
    ) -> T:
        """The dataclass that the object's kind names, with its other fields.

        Raises:
            UserError: the kind is unknown, or as for `record`.
        """
        found = self.members()
        kind = found[KIND_FIELD].value if KIND_FIELD in found else None
        if not isinstance(kind, str) or kind not in kinds:
            shown = f"“{kind:.60}”" if isinstance(kind, str) else reprlib.repr(kind)
            near = _meant(kind, kinds) if isinstance(kind, str) else ""
            remedy = f"did you mean “{near}”? There" if near else "there"
            raise self.error(f"{shown} is not a kind of {noun}; {remedy} are {', '.join(kinds)}.")
        rest = {name: member.value for name, member in found.items() if name != KIND_FIELD}
        return Value(rest, self.place).record(kinds[kind], readers, kind)

    def _in_range(self, read: T, bounds: tuple[object, ...]) -> T:
        for bound in bounds:
            size: Any = len(read) if isinstance(read, tuple | str) else read
            if isinstance(bound, Within) and not bound.least <= size <= bound.most:
                nouns = {tuple: "a list of a length", str: "a text of a length", float: "a number"}
                raise self.must_be(f"{nouns.get(type(read), 'a whole number')} {bound}")
        return read

    def _fitted_to_any(self, hint: Any, options: tuple[Any, ...], readers: Readers) -> object:
        rest = [option for option in options if option is not NoneType]
        if len(rest) < len(options) and self.value is None:
            return None
        if len(rest) == 1:
            return self.fitted(rest[0], readers)
        for option in rest:
            try:
                return self.fitted(option, readers)
            except UserError:
                continue
        raise self.must_be(in_words(hint))

    def _fitted_tuple(
        self, hint: Any, options: tuple[Any, ...], readers: Readers
    ) -> tuple[object, ...]:
        items = self.items()
        if len(options) == 2 and options[1] is Ellipsis:
            if options[0] in _IN_WORDS and any(type(i.value) is not options[0] for i in items):
                raise self.must_be(in_words(hint))
            return tuple(item.fitted(options[0], readers) for item in items)
        if len(items) != len(options):
            raise self.must_be(in_words(hint))
        pairs = zip(items, options, strict=True)
        return tuple(item.fitted(option, readers) for item, option in pairs)

    def _member_of(self, enum: type[Enum]) -> Enum:
        for member in enum:
            if type(self.value) is type(member.value) and self.value == member.value:
                return member
        raise self.must_be(in_words(enum))


@overload
def given(found: Mapping[str, Value], name: str, read: Callable[[Value], T]) -> T | None: ...


@overload
def given(
    found: Mapping[str, Value], name: str, read: Callable[[Value], T], otherwise: Default
) -> T | Default: ...


def given(
    found: Mapping[str, Value], name: str, read: Callable[[Value], Any], otherwise: Any = None
) -> Any:
    """What a field says, as it is read; `otherwise` where it is left out."""
    return read(found[name]) if name in found else otherwise


_OBJECT: Final = {JsonPlace: "an object { … }", LinePlace: "a table"}


def _collect(
    value: Value, shape: tuple[int, ...], whole: tuple[int, ...], flat: list[float]
) -> None:
    if not shape:
        flat.append(value.number())
        return
    text = "×".join(str(size) for size in whole)
    if not isinstance(value.value, list):
        raise value.must_be(f"lists of numbers for {text}")
    if len(value.value) != shape[0]:
        raise value.error(
            f"{len(value.value)} items stand here, but {text} needs {shape[0]}: mend the list."
        )
    if len(shape) == 1 and all(type(item) is float for item in value.value):
        flat.extend(value.value)
        return
    for item in value.items():
        _collect(item, shape[1:], whole, flat)


def plain(value: object, *, lines: bool = False) -> object:
    """A value for a JSON file, each text of it such that `Value.text` reads it again.

    Names from a file system may hold anything: what is no character or cannot be printed is
    written as its number, and of a long one the two ends stay. Only a remark may have `lines`.
    """
    match value:
        case str():
            return _plain_text(value, lines=lines)
        case Mapping():
            return {name: plain(item, lines=name == "remark") for name, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
    return value


def _plain_text(text: str, *, lines: bool) -> str:
    kept = "\n" if lines else ""
    if not text.isprintable():
        text = "".join(c if c.isprintable() or c in kept else _number(c) for c in text)
    if len(text) > LONGEST_TEXT:
        half = LONGEST_TEXT // 2 - 2
        text = f"{text[:half]} … {text[-half:]}"
    return text


def _number(character: str) -> str:
    r"""`\xe9` for the byte E9 of a name that is not UTF-8, `\u202e` for what only steers text."""
    raw = character.encode("utf-8", "surrogateescape") if character in _BYTES else b""
    return f"\\x{raw[0]:02x}" if raw else ascii(character)[1:-1]


_BYTES = frozenset(map(chr, range(0xDC80, 0xDD00)))


def parse_json(text: str | bytes) -> Value:
    """Strict JSON: no NaN, no field given twice, numbers that a float holds.

    Raises:
        UserError: with the line and column of a syntax error.
    """
    try:
        decoded = text.decode("utf-8-sig") if isinstance(text, bytes) else text
        value = json.loads(decoded, **_STRICT)
        if "\\ud" in decoded.lower():
            # Half a character, written as \\ud800, could be neither shown nor saved.
            json.dumps(value, ensure_ascii=False).encode()
        return Value(value, JsonPlace())
    except json.JSONDecodeError as error:
        raise UserError(
            f"line {error.lineno}, column {error.colno}: this is not JSON: {error.msg}."
        ) from None
    except UnicodeEncodeError:
        raise UserError("a text holds half a character (\\ud800 to \\udfff): remove it.") from None
    except UnicodeDecodeError as error:
        raise UserError(f"byte {error.start} is not UTF-8 text: save it as UTF-8.") from None
    except RecursionError:
        raise UserError("the lists or objects are nested too deeply: use fewer levels.") from None


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in pairs:
        if name in found:
            raise UserError(f"the field {reprlib.repr(name)} is given twice: remove one.")
        found[name] = value
    return found


def _integer(digits: str) -> int:
    if len(digits) > 17 or abs(int(digits)) > LARGEST_INTEGER:
        raise UserError(f"the number {reprlib.repr(digits)} is too large: use at most 15 digits.")
    return int(digits)


def _float(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise UserError(f"the number {reprlib.repr(digits)} is too large: use a smaller one.")
    return value


def _constant(name: str) -> NoReturn:
    raise UserError(f"{name} is not a number that JSON or a network may hold: use a finite one.")


_STRICT: Final[Mapping[str, Any]] = {
    "object_pairs_hook": _object,
    "parse_int": _integer,
    "parse_float": _float,
    "parse_constant": _constant,
}

_AT = re.compile(r"(?P<what>.*) \(at line (?P<line>\d+), column (?P<column>\d+)\)$", re.DOTALL)
_KEY = r"(?:[\w-]++|\"[^\"\n]*\"|'[^'\n]*')"
# The standard reader takes time and memory by the square of a key's parts.
_LONG_KEY = re.compile(rf"(?:^|[\[{{,])[ \t]*(?:{_KEY}[ \t]*\.[ \t]*){{30}}", re.MULTILINE)


def read_toml(text: str, file: str) -> Value:
    """The whole of a TOML text as a table; `file` is the name that errors begin with.

    Raises:
        UserError: it is not TOML; with the line and column.
    """
    import tomllib

    plain = text.removeprefix("\ufeff").replace("\r\n", "\n")
    if long := _LONG_KEY.search(plain):
        line = plain.count("\n", 0, long.end()) + 1
        raise _located(file, line, "a name has more than 30 parts between dots: use fewer.")
    try:
        value: dict[str, Any] = tomllib.loads(plain)
    except tomllib.TOMLDecodeError as error:
        raise _not_toml(str(error), plain, file) from None
    except RecursionError:
        raise UserError(f"{file}: lists or tables are nested too deeply: use fewer.") from None
    except ValueError:
        raise UserError(f"{file}: a number or date is out of bounds: use a smaller one.") from None
    return Value(value, LinePlace(file, places_of(plain)))


def _located(file: str, line: int, sentence: str) -> UserError:
    return UserError(f"{file}, line {line}: {sentence}")


def _not_toml(message: str, text: str, file: str) -> UserError:
    found = _AT.match(message)
    what = _told(message.removesuffix(" (at end of document)") if not found else found["what"])
    if found is not None:
        place = f"column {found['column']}"
        return _located(file, int(found["line"]), f"this is not TOML ({place}): {what}.")
    return _located(file, text.count("\n") + 1, f"this is not TOML (at the end): {what}.")


def _told(message: str) -> str:
    """The reader's message, with what to do where it is known."""
    if message.startswith("Cannot overwrite"):
        return "this field is given twice: remove one"
    if message.startswith("Unterminated"):
        return "a text was opened and not closed: close its quotes"
    return message[:1].lower() + message[1:].rstrip(".")


def unknown_field(name: str, what: str, allowed: Sequence[str]) -> str:
    """That there is no such field, and which one was meant or which ones there are."""
    from difflib import get_close_matches

    near = get_close_matches(name, allowed, n=1)
    remedy = f": write “{near[0]}”" if near else ""
    has = ", ".join(allowed) or "none"
    return f"“{name:.60}” is not a field of {what}; it has {has}{remedy}."


_IN_WORDS: Final[Mapping[object, str]] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a text",
    NoneType: "null",
}


def in_words(hint: Any) -> str:
    """What an annotation allows, as the end of “must be …”."""
    origin, options = get_origin(hint), get_args(hint)
    if origin is Annotated:
        ranges = "".join(f" {bound}" for bound in options[1:] if isinstance(bound, Within))
        return f"{in_words(options[0])}{ranges}"
    if origin in {Union, UnionType}:
        return " or ".join(in_words(option) for option in options)
    if origin is Literal:
        return " or ".join(f"“{o}”" if isinstance(o, str) else repr(o) for o in options)
    if origin is tuple and options[-1] is Ellipsis:
        return f"a list of which each item is {in_words(options[0])}"
    if origin is tuple:
        return f"[{', '.join(in_words(option) for option in options)}]"
    if isinstance(hint, type) and issubclass(hint, Enum):
        return "one of " + ", ".join(f'"{member.value}"' for member in hint)
    if isinstance(hint, type) and is_dataclass(hint):
        return "an object { … } with named fields"
    return _IN_WORDS.get(hint, str(hint))


@cache
def _shape_of(cls: type[Any]) -> tuple[Mapping[str, Field[Any]], Mapping[str, Any]]:
    """The fields of a dataclass, and their annotations, by name."""
    hints = get_type_hints(cls, include_extras=True)
    return {field.name: field for field in fields(cls)}, hints


def _meant(written: str, kinds: Mapping[str, Any]) -> str:
    """The kind that a name of another library stands for; empty where none is near."""
    from difflib import get_close_matches

    known: dict[str, str] = {}
    for kind, cls in kinds.items():
        for name in (kind, *getattr(cls, "also_called", ())):
            known[_bare(name)] = kind
    wanted = _bare(written[:60])
    near = get_close_matches(wanted, known, n=1, cutoff=0.8)
    return known[near[0]] if near and _DIGITS.findall(near[0]) == _DIGITS.findall(wanted) else ""


_DIGITS = re.compile(r"[0-9]")
"""`conv3d` and `relu6` are no misspelled `conv2d` and `relu`."""


def _bare(name: str) -> str:
    """`MaxPooling2D` and `max_pool2d` alike."""
    plain = re.sub(r"[_ -]", "", name.casefold().rpartition(".")[2])
    for long, short in (("pooling", "pool"), ("average", "avg"), ("normalization", "norm2d")):
        plain = plain.replace(long, short)
    return plain.removesuffix("loss")


# Numbers as people type them ------------------------------------------------------------------

_LONGEST: Final = 400
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,30}")
_GROUPED: Final = re.compile(r"[+-]?[0-9]{1,3}(,[0-9]{3}){1,9}")
_NUMBER: Final = re.compile(
    r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]{1,5})?|[+-]?inf(inity)?", re.IGNORECASE
)
_SIGNS: Final = str.maketrans({"−": "-", "∞": "inf", "\u2009": None, "\u202f": None})


def whole_number(text: str, least: int = 0, most: int = LARGEST_INTEGER) -> int | None:
    """A whole number within bounds, `1,000` included; None for anything else.

    `²` and other digits that only look like numbers are none, and no text is too long for it.
    """
    if len(text) > _LONGEST:
        return None
    plain = text.strip().translate(_SIGNS)
    if _GROUPED.fullmatch(plain):
        plain = plain.replace(",", "")
    if not _WHOLE.fullmatch(plain):
        return None
    number = int(plain)
    return number if least <= number <= most else None


def is_whole_number(text: str) -> bool:
    """Whether it is written as a whole number that is not negative, of whatever size."""
    plain = text.strip().replace(",", "")
    return plain.isascii() and plain.isdigit()


def real_number(text: str, *, infinite: bool = False) -> float | None:
    """A number with or without a point; None for anything else, and unless wanted for infinity."""
    if len(text) > _LONGEST:
        return None
    plain = text.strip().translate(_SIGNS)
    if not _NUMBER.fullmatch(plain):
        return None
    number = float(plain)
    return number if infinite or math.isfinite(number) else None


class Configuration(Protocol):
    """A dataclass whose class says which kind it is."""

    kind: ClassVar[str]


def to_fields(configuration: Configuration) -> dict[str, object]:
    """The kind and every field, as JSON has them."""
    found: dict[str, object] = {KIND_FIELD: configuration.kind}
    for field in fields(configuration):  # type: ignore[arg-type]
        found[field.name] = _as_json(getattr(configuration, field.name))
    return found


def from_fields(
    kinds: Mapping[str, type[T]], given: Mapping[str, object], noun: str, where: str
) -> T:
    """The configuration that a JSON object describes; `where` begins each sentence.

    Raises:
        UserError: the kind or a field is unknown, missing, of a wrong type or out of range.
    """
    return Value(dict(given), JsonPlace(where, ": ")).configuration(kinds, noun)


def _as_json(value: object) -> object:
    return [_as_json(item) for item in value] if isinstance(value, tuple) else value
