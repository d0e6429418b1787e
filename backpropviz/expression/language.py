"""Reading an expression: `abs(term) > 5 and i == 1`, `norm(conv1.weight.grad[2,:,0]) / loss`.

Arithmetic, chained comparisons, `and or not` and functions over addresses (with indices and
slices) and over the names that the place of use gives. Python's own parser builds the tree: each
word and number is handed to it as a placeholder, so that it never sees a name, a string or a
keyword of the person's, and what it makes of them passes an allow-list. Beside Python's forms:

    value is [not] nan | infinite | finite | zero | positive | negative
    value between 1 and 2        |value| > 1        ≤ ≥ ≠ − × · ∞        = for ==
    > 5                          a comparison's left side may be implied, where it is clear

A layer's name may hold hyphens (`conv-1.weight`), so a minus after a layer needs a space before it.
The result is a postfix program: whoever evaluates it needs a stack and no recursion.
"""

from __future__ import annotations

import ast
import math
import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeAlias

from backpropviz.engine.value import Address, parse
from backpropviz.errors import UserError
from backpropviz.expression.functions import CALLED, COMPARISONS, FUNCTIONS, KINDS, Primitive
from backpropviz.frozen import frozen

LONGEST = 1000
DEEPEST = 32
_EXAMPLE = "“abs(term) > 5” or “value is nan”"
_UNREAD = f"this cannot be read; write, for example, {_EXAMPLE}."


class ExpressionError(UserError):
    """An expression that cannot be read or used; `position` counts characters from 0."""

    def __init__(self, sentence: str, position: int) -> None:
        super().__init__(sentence)
        self.position = position


@frozen
class Vocabulary:
    """What the place of use gives: numbers by name, and what a comparison is about if not said.

    `is_open`: a word that is not among the names may be an address (`loss`), known when evaluated.
    """

    names: frozenset[str] = frozenset()
    implied: str = ""
    is_open: bool = True


@frozen
class Literal:
    """A number as it is written, or known by now."""

    value: float
    at: int


@frozen
class Name:
    """A number that the place of use gives."""

    name: str
    at: int


@frozen
class Read:
    """A whole array."""

    address: Address
    at: int


Slice: TypeAlias = int | tuple[int | None, int | None, int | None]
"""One index, or start, stop and step of a range of them."""


@frozen
class Cut:
    """A part of the array on the stack."""

    slices: tuple[Slice, ...]
    at: int

    @property
    def indices(self) -> tuple[int, ...]:
        """The indices of one value; empty where there are ranges."""
        found = tuple(one for one in self.slices if isinstance(one, int))
        return found if len(found) == len(self.slices) else ()


@frozen
class Apply:
    """A function of the topmost `count` entries of the stack."""

    function: Primitive
    count: int
    at: int


@frozen
class Compare:
    """Each of the topmost entries beside the next: one entry more than there are signs."""

    signs: tuple[str, ...]
    at: int


Instruction: TypeAlias = Literal | Name | Read | Cut | Apply | Compare
_Leaf = Literal | Name | Read
Program: TypeAlias = tuple[Instruction, ...]


@frozen
class Expression:
    """A text and the program that it means."""

    text: str
    program: Program

    @property
    def names(self) -> frozenset[str]:
        """The names of the place of use that it speaks of."""
        return frozenset(one.name for one in self.program if isinstance(one, Name))

    @property
    def address(self) -> Address | None:
        """The address, where it is just one."""
        match self.program:
            case (Read(address),):
                return address
            case (Read(address), Cut() as cut) if cut.indices:
                return address.at(cut.indices)
        return None

    @property
    def is_test(self) -> bool:
        """Whether it comes out true or false, and not as a number."""
        last = self.program[-1]
        return isinstance(last, Compare) or (isinstance(last, Apply) and last.function.is_test)

    def error(self, sentence: str, at: int) -> ExpressionError:
        """An error about a place in it."""
        return refused(self.text, sentence, at)


def refused(text: str, sentence: str, at: int) -> ExpressionError:
    """The sentence with the text, cut to what stands around the place, and the character."""
    start = max(0, at - 20) if len(text) > 60 else 0
    shown = text[start : start + 60]
    before, after = "…" * (start > 0), "…" * (start + 60 < len(text))
    return ExpressionError(f"“{before}{shown}{after}”, character {at + 1}: {sentence}", at)


@lru_cache(maxsize=1024)
def read(text: str, vocabulary: Vocabulary) -> Expression:
    """Read an expression.

    Raises:
        ExpressionError: it is none; the sentence says at which character, and what is missing.
    """
    if len(text) > LONGEST:
        raise ExpressionError(
            f"“{text[:40].strip()}…” has {len(text):,} characters and cannot be read from "
            f"character {LONGEST + 1} on: use at most {LONGEST} characters.",
            LONGEST,
        )
    words = _Scan(text, vocabulary).words()
    return Expression(text, _program(text, words))


_PART = re.compile(r"[\w.-]*$")


def word_start(text: str, at: int) -> int:
    """Where the word begins that ends at a place: what is completed there."""
    word = _PART.search(text[max(0, at - LONGEST) : at])
    found = word[0] if word else ""
    return at - len(found.lstrip("-.0123456789"))


# Words ------------------------------------------------------------------------------------------

_WORD = re.compile(
    r"""\s+
    |(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-−+]?[0-9]+)?|∞)
    |(?P<name>[^\W\d][\w-]*(?:\.[\w-]+)*)
    |(?P<index>\[[^\[\]]*\])
    |(?P<sign>\*\*|[=!<>]=|[-−+*×·/%()<>=≤≥≠|,])""",
    re.VERBOSE,
)
_SPELLINGS = {"−": "-", "×": "*", "·": "*", "≤": "<=", "≥": ">=", "≠": "!=", "=": "=="}
_SLICE = re.compile(
    r"\s*(?:([0-9]{1,9})|([0-9]{1,9})?\s*:\s*([0-9]{1,9})?(?:\s*:\s*([0-9]{1,9}))?)\s*"
)


@frozen
class _Word:
    """A piece of the text for Python's parser; `meaning` is what stands for a placeholder."""

    text: str
    at: int
    meaning: Literal | Name | Read | Cut | Primitive | str | None = None


@dataclass(slots=True)
class _Open:
    """A parenthesis, a bar, or the whole; `betweens` are those whose `and` is still to come."""

    sign: str
    at: int
    is_call: bool = False
    betweens: int = 0


@dataclass(slots=True)
class _Scan:
    """Cuts a text into words and holds each to what may stand there."""

    text: str
    vocabulary: Vocabulary
    found: list[_Word] = field(default_factory=list)
    open: list[_Open] = field(default_factory=lambda: [_Open("", 0)])
    wants_operand: bool = True
    prefixes: int = 0

    def words(self) -> list[_Word]:
        at = 0
        while at < len(self.text):
            match = _WORD.match(self.text, at)
            if match is None or (match["name"] and not match["name"][0].isidentifier()):
                raise self._strange(at)
            at = self._take(match) if match.lastgroup else match.end()
        if self.wants_operand:
            raise self._misplaced("the end", len(self.text))
        self._close_betweens(len(self.text))
        if len(self.open) > 1:
            sign = self.open[-1].sign
            closing = {"(": ")", "|": "|"}[sign]
            raise self._refused(f"“{sign}” is not closed: add “{closing}”.", self.open[-1].at)
        return self.found

    def _take(self, match: re.Match[str]) -> int:
        """Add a word; where to go on."""
        at, piece = match.start(), match[0]
        match match.lastgroup:
            case "number":
                self._operand(_Word("", at, Literal(self._number(match), at)))
            case "name":
                piece = _without_minus(piece)
                self._named(piece, at)
            case "index":
                self._index(piece, at)
            case _:
                self._sign(_SPELLINGS.get(piece, piece), at)
        return at + len(piece)

    def _number(self, match: re.Match[str]) -> float:
        text, end = match[0], match.end()
        if self.text[end : end + 1].isidentifier() or self.text[end : end + 1].isnumeric():
            raise self._refused(
                f"“{text}” should be followed by the end, an operator, “and” or “or”.", end
            )
        value = float(text.replace("−", "-").replace("∞", "inf"))
        if math.isinf(value) and text != "∞":
            raise self._refused(
                "this number is too large: use at most 1.7e308, or ∞.", match.start()
            )
        return value

    def _named(self, name: str, at: int) -> None:
        plain = name.lower()
        if plain in {"and", "or"}:
            self._joined(plain, at)
        elif plain == "not":
            self._prefix("not", at)
        elif plain in {"is", "between"}:
            self._asked(plain, at)
        elif self.found and self.found[-1].text in {"is", "is not"}:
            self._kind(plain, at)
        elif plain in CALLED and (self._is_called(at + len(name)) or not self._is_known(plain)):
            self._called(plain, at)
        elif self.wants_operand and self._is_called(at + len(name)):
            sentence = f"there is no function “{name}”: a comparison may use {', '.join(CALLED)}."
            raise self._refused(sentence, at)
        else:
            self._operand(_Word("", at, self._meaning(name, at)))

    def _meaning(self, name: str, at: int) -> Name | Read:
        if self._is_known(name.lower()):
            return Name(name.lower(), at)
        is_address = "." in name or name in {"image", "loss"} or self.vocabulary.is_open
        parts = name.split(".")
        is_odd = not parts[-1].isidentifier() or any(part.startswith("__") for part in parts)
        if is_odd or not is_address:
            if not self.wants_operand:
                raise self._misplaced(f"“{name}”", at)
            known = sorted(one for one in self.vocabulary.names if len(one) > 1)
            used = ", ".join([*known, "numbers"])
            raise self._refused(
                f"“{name}” is not known here: a comparison may use {used} "
                "and addresses such as conv1.bias[0].",
                at,
            )
        return Read(parse(name), at)

    def _is_known(self, name: str) -> bool:
        return name in self.vocabulary.names

    def _is_called(self, end: int) -> bool:
        return self.text[end:].lstrip().startswith("(")

    def _called(self, name: str, at: int) -> None:
        if self.wants_operand and not self._is_called(at + len(name)):
            raise self._refused(f"“{name}” is a function: write {name}(…).", at)
        self._operand(_Word("", at, FUNCTIONS[name]))

    def _kind(self, name: str, at: int) -> None:
        kind = {"inf": "infinite"}.get(name, name)
        if kind not in KINDS:
            raise self._refused(f"“{name}” cannot follow “is”: use {', '.join(KINDS)}.", at)
        self.found.append(_Word("", at, kind))
        self.wants_operand = False

    def _operand(self, word: _Word) -> None:
        if not self.wants_operand or (self.found and self.found[-1].text.startswith("is")):
            match = _WORD.match(self.text, word.at)
            raise self._misplaced(f"“{match[0] if match else ''}”", word.at)
        self.found.append(word)
        self.wants_operand, self.prefixes = False, 0

    def _index(self, piece: str, at: int) -> None:
        last = self.found[-1] if self.found else _Word("", at)
        can_be_cut = isinstance(last.meaning, Read) or last.text == ")"
        if self.wants_operand or not can_be_cut:
            raise self._refused("indices belong right after an address, as in conv1.bias[0].", at)
        slices = []
        for part in piece[1:-1].split(","):
            match = _SLICE.fullmatch(part)
            if match is None:
                raise self._refused(
                    f"“{piece[:40]}” are no indices: write whole numbers from 0 and ranges, as in "
                    "[2,:,0:3].",
                    at,
                )
            one, *ends = (None if text is None else int(text) for text in match.groups())
            if one is None and ends[2] == 0:
                raise self._refused("a range cannot have steps of 0: use at least 1.", at)
            slices.append(one if one is not None else (ends[0], ends[1], ends[2]))
        cut = _Word("", at, Cut(tuple(slices), at))
        self.found += [_Word("[", at), cut, _Word("]", at)]

    def _sign(self, sign: str, at: int) -> None:
        match sign:
            case "(":
                self._opened(at)
            case "|" if self.wants_operand:
                self._operand(_Word("", at, FUNCTIONS["abs"]))
                self._open_group("(", _Open("|", at, is_call=True), at)
            case ")" | "|":
                self._closed(sign, at)
            case ",":
                self._comma(at)
            case "-" if self.wants_operand:
                self._prefix("-", at)
            case _ if sign in COMPARISONS:
                self._imply(sign, at)
                self._infix(sign, at)
            case _:
                self._infix(sign, at)

    def _infix(self, sign: str, at: int) -> None:
        if self.wants_operand:
            raise self._misplaced(f"“{sign}”", at)
        self.found.append(_Word(sign, at))
        self.wants_operand = True

    def _prefix(self, sign: str, at: int) -> None:
        if sign == "not" and self.found and self.found[-1].text == "is":
            self.found[-1] = _Word("is not", self.found[-1].at)
            return
        if not self.wants_operand:
            raise self._misplaced(f"“{sign}”", at)
        self.prefixes += 1
        if self.prefixes > DEEPEST:
            raise self._refused("this is nested too deeply: use fewer signs.", at)
        self.found.append(_Word(sign, at))

    def _asked(self, word: str, at: int) -> None:
        self._imply(word, at)
        self._infix("in" if word == "between" else word, at)
        self.open[-1].betweens += word == "between"

    def _imply(self, sign: str, at: int) -> None:
        """Add the left side of a comparison that has none, where it is clear."""
        last = self.found[-1].text if self.found else "and"
        begins = last in {"and", "or", "not"} or (last == "(" and not self.open[-1].is_call)
        if self.wants_operand and begins and self.vocabulary.implied:
            self._operand(_Word("", at, Name(self.vocabulary.implied, at)))

    def _joined(self, word: str, at: int) -> None:
        group = self.open[-1]
        if word == "and" and group.betweens:
            group.betweens -= 1
            self._infix("|", at)  # binds tighter than “in”, looser than arithmetic
            return
        self._close_betweens(at)
        self._infix(word, at)

    def _close_betweens(self, at: int) -> None:
        if self.open[-1].betweens:
            raise self._refused("“between” needs two bounds: write between 1 and 2.", at)

    def _opened(self, at: int) -> None:
        last = self.found[-1].meaning if self.found else None
        if isinstance(last, Primitive):
            self._open_group("(", _Open("(", at, is_call=True), at)
        elif self.wants_operand:
            self._open_group("(", _Open("(", at), at)
        else:
            raise self._misplaced("“(”", at)

    def _open_group(self, text: str, group: _Open, at: int) -> None:
        if len(self.open) > DEEPEST:
            raise self._refused("this is nested too deeply: use fewer parentheses.", at)
        self.found.append(_Word(text, at))
        self.open.append(group)
        self.wants_operand, self.prefixes = True, 0

    def _closed(self, sign: str, at: int) -> None:
        if self.wants_operand:
            raise self._misplaced(f"“{sign}”", at)
        self._close_betweens(at)
        group = self.open[-1]
        if group.sign != {")": "(", "|": "|"}[sign]:
            missing = {"|": "“|” is not closed: add “|”.", "(": "“(” is not closed: add “)”."}
            other = f"“{sign}” closes nothing: remove it, or write the end before it."
            raise self._refused(missing.get(group.sign, other), at if not group.sign else group.at)
        self.open.pop()
        self.found.append(_Word(")", at))

    def _comma(self, at: int) -> None:
        if self.wants_operand or not (self.open[-1].is_call and self.open[-1].sign == "("):
            raise self._misplaced("“,”", at)
        self._close_betweens(at)
        self._infix(",", at)

    def _refused(self, sentence: str, at: int) -> ExpressionError:
        return refused(self.text, sentence, at)

    def _misplaced(self, found: str, at: int) -> ExpressionError:
        last = self.found[-1].text if self.found else ""
        if last.startswith("is"):
            wanted = f"one of {', '.join(KINDS)}"
        elif self.found and isinstance(self.found[-1].meaning, Primitive):
            wanted = "“(”"
        elif self.wants_operand:
            wanted = "a number or an address"
        else:
            wanted = "the end, an operator, “and” or “or”"
        return self._refused(
            f"here is {found} where {wanted} should be; write, for example, {_EXAMPLE}.", at
        )

    def _strange(self, at: int) -> ExpressionError:
        character = self.text[at]
        shown = f"“{character}”" if character.isprintable() else f"the character {ord(character)}"
        if character == "[":
            return self._refused("“[” is not closed: add “]”.", at)
        return self._refused(
            f"{shown} cannot be read here: write numbers with the digits 0 to 9, addresses, "
            "arithmetic and comparisons.",
            at,
        )


def _without_minus(name: str) -> str:
    """A hyphen belongs to the name of a layer only: after the last dot it is a minus."""
    head, dot, last = name.rpartition(".")
    if dot and not last[0].isidentifier():  # `conv1.weight-1.5`
        return name[: name.rindex("-")] if "-" in head else name
    return head + dot + last.partition("-")[0]


# The tree ---------------------------------------------------------------------------------------

_SIGNS: Mapping[type[ast.AST], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Mod: "%", ast.Pow: "**",
    ast.USub: "negative of", ast.Not: "not", ast.And: "and", ast.Or: "or",
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=",
}  # fmt: skip
"""The operators that are allowed."""


@dataclass(slots=True)
class _Tree:
    """Python's tree of the placeholders, walked without recursion into a postfix program."""

    text: str
    words: list[_Word]
    starts: list[int]

    def walked(self, root: ast.expr) -> Iterator[Instruction]:
        """Each node's instruction after those of its parts."""
        rest: list[tuple[ast.expr | Instruction, int]] = [(root, 0)]
        while rest:
            node, depth = rest.pop()
            if not isinstance(node, ast.expr):
                yield node
                continue
            if depth > 2 * DEEPEST:
                raise self._refused("this is nested too deeply: use fewer parentheses.", node)
            parts, instruction = self._parts(node)
            rest.append((instruction, depth))
            # The left side of a chain (a + b + c …) lies no deeper than the chain.
            for number in reversed(range(len(parts))):
                is_chain = number == 0 and isinstance(node, ast.BinOp)
                rest.append((parts[number], depth if is_chain else depth + 1))

    def _parts(self, node: ast.expr) -> tuple[list[ast.expr], Instruction]:
        """What it is made of, and what it does with that."""
        match node:
            case ast.Name() if isinstance(meaning := self._word(node).meaning, _Leaf):
                return [], meaning
            case ast.BinOp(left, operator, right):
                return [left, right], self._applied(operator, 2, node)
            case ast.UnaryOp(operator, operand):
                if isinstance(operator, ast.Not):
                    self._check_tests([operand])
                return [operand], self._applied(operator, 1, node)
            case ast.BoolOp(operator, values):
                self._check_tests(values)
                return values, self._applied(operator, len(values), node)
            case ast.Compare():
                return self._compared(node)
            case ast.Call(called, arguments):
                return arguments, self._called(called, arguments)
            case ast.Subscript(array, index) if isinstance(cut := self._word(index).meaning, Cut):
                return [array], cut
        raise self._refused(_UNREAD, node)

    def _applied(self, operator: ast.AST, count: int, node: ast.expr) -> Apply:
        if type(operator) not in _SIGNS:
            raise self._refused(_UNREAD, node)
        return Apply(FUNCTIONS[_SIGNS[type(operator)]], count, self._word(node).at)

    def _compared(self, node: ast.Compare) -> tuple[list[ast.expr], Instruction]:
        at = self._word(node).at
        match node:
            case ast.Compare(left, [ast.In()], [ast.BinOp(low, ast.BitOr(), high)]):
                return [left, low, high], Apply(FUNCTIONS["between"], 3, at)
            case ast.Compare(left, [ast.Is() | ast.IsNot() as operator], [right]):
                negated = "not " if isinstance(operator, ast.IsNot) else ""
                kind = self._word(right).meaning
                if not isinstance(kind, str):
                    raise self._refused(f"“is” is followed by one of {', '.join(KINDS)}.", right)
                return [left], Apply(FUNCTIONS[f"{negated}is {kind}"], 1, at)
            case ast.Compare(left, operators, rights):
                signs = [_SIGNS.get(type(operator), "") for operator in operators]
                if all(signs):
                    return [left, *rights], Compare(tuple(signs), at)
        sentence = "“is” and “between” stand alone: join them to other comparisons by “and”."
        raise self._refused(sentence, node)

    def _check_tests(self, nodes: list[ast.expr]) -> None:
        for node in nodes:
            if not self._is_test(node):
                sentence = "this has no comparison such as “>” to join: write, for example, x > 0."
                raise self._refused(sentence, node)

    def _is_test(self, node: ast.expr) -> bool:
        match node:
            case ast.Compare() | ast.BoolOp() | ast.UnaryOp(ast.Not()):
                return True
            case ast.Call(called, _):
                function = self._word(called).meaning
                return isinstance(function, Primitive) and function.is_test
        return False

    def _called(self, called: ast.expr, arguments: list[ast.expr]) -> Apply:
        function, count = self._word(called).meaning, len(arguments)
        if not isinstance(function, Primitive):
            raise self._refused(_UNREAD, called)
        name, least, most = function.name, function.least, function.most
        if not least <= count <= most:
            takes = f"{least}" if least == most else f"{least} to {most}"
            raise self._refused(f"“{name}” takes {takes} in its parentheses, not {count}.", called)
        if function.reduces and count == least and not self._reads(arguments[0]):
            sentence = f"“{name}” is asked of an array: write {name}(conv1.weight)."
            raise self._refused(sentence, arguments[0])
        return Apply(function, count, self._word(called).at)

    def _reads(self, root: ast.expr) -> bool:
        """Whether an array is among its parts."""
        names = (node for node in ast.walk(root) if isinstance(node, ast.Name))
        return any(isinstance(self._word(node).meaning, Read) for node in names)

    def _word(self, node: ast.expr) -> _Word:
        return self.words[bisect_right(self.starts, node.col_offset) - 1]

    def _refused(self, sentence: str, node: ast.expr) -> ExpressionError:
        return refused(self.text, sentence, self._word(node).at)


def _program(text: str, words: list[_Word]) -> Program:
    starts, pieces, length = [], [], 0
    for number, word in enumerate(words):
        piece = word.text or f"n{number}"
        starts.append(length)
        pieces.append(piece)
        length += len(piece) + 1
    try:
        tree = ast.parse(" ".join(pieces), mode="eval").body
    except SyntaxError as error:
        place = bisect_right(starts, (error.offset or 1) - 1) - 1
        raise refused(text, _UNREAD, words[place].at) from None
    except (RecursionError, MemoryError):
        raise refused(text, "this is nested too deeply: use fewer parentheses.", 0) from None
    return tuple(_Tree(text, words, starts).walked(tree))
