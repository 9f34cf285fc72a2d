"""What Python itself says about a source: the labels of the tasks, from ``ast`` and ``tokenize``.

Pure functions of one text; places are character offsets into it, which a tokenizer's own offsets
turn into tokens later.
"""

import ast
import io
import itertools
import keyword
import tokenize
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

#: Roles of a Python token; a sub-word token has the role of the Python token that it is part of.
ROLES = (
    "function",  # the name that a def defines
    "class",  # the name that a class statement defines
    "parameter",  # a name that a def or lambda takes
    "import",  # a name in an import statement
    "attribute",  # a name after a dot
    "call",  # a name, after a dot or not, that is called
    "name",  # any other name
    "keyword",
    "string",
    "docstring",
    "number",
    "comment",
    "operator",  # brackets, commas and the like included
)

_Def = ast.FunctionDef | ast.AsyncFunctionDef
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
#: Python 3.12 and later cut a formatted string into pieces; here it is one string.
_OPENING = {getattr(tokenize, name, None) for name in ("FSTRING_START", "TSTRING_START")} - {None}
_CLOSING = {getattr(tokenize, name, None) for name in ("FSTRING_END", "TSTRING_END")} - {None}
_LAYOUT = {tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}

Span = tuple[int, int]


@dataclass(frozen=True)
class Function:
    """A function, from its ``def`` (or ``async``) on; decorators are not part of it.

    Args:
        name: how it is called.
        span: the whole of it.
        called: where its name stands.
        docstring: where its docstring stands, if it has one and something beside it.
        summary: the docstring's first line.
    """

    name: str
    span: Span
    called: Span
    docstring: Span | None
    summary: str


@dataclass(frozen=True)
class Question:
    """What is asked about a function: what it returns, or the default of a parameter.

    Args:
        function: index of the function.
        parameter: where the parameter's name stands; None asks what the function returns.
        answer: where the answer stands, the expression alone.
    """

    function: int
    parameter: Span | None
    answer: Span


@dataclass(frozen=True)
class Reading:
    """A source as Python reads it.

    Args:
        begins, roles: of every token, in order, its place and its index in ``ROLES``; what lies
            between tokens, such as the backslash that continues a line, belongs to the one before.
        functions: all of them, methods and functions inside functions included.
        questions: those with one answer.
    """

    begins: npt.NDArray[np.int64]
    roles: npt.NDArray[np.int8]
    functions: list[Function]
    questions: list[Question]


class _Text:
    """A text and where its lines begin, by the parser's idea of a line."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.lines = list(io.StringIO(text, newline=""))
        self._starts = [0, *itertools.accumulate(map(len, self.lines))]

    def character(self, line: int, column: int) -> int:
        """Offset of a place that ``tokenize`` gives: columns are characters."""
        return self._starts[line - 1] + column

    def byte(self, line: int, column: int) -> int:
        """Offset of a place that ``ast`` gives: columns are bytes of UTF-8."""
        text = self.lines[line - 1]
        if not text.isascii():
            column = len(text.encode()[:column].decode())
        return self._starts[line - 1] + column

    def span(self, node: Any) -> Span:
        """First character of a piece of syntax, and the one after its last."""
        begin = self.byte(node.lineno, node.col_offset)
        return begin, self.byte(node.end_lineno, node.end_col_offset)


def read(source: str) -> Reading:
    """The labels of a source.

    Raises:
        SyntaxError: it is not Python to this interpreter.
    """
    text = _Text(source)
    with warnings.catch_warnings(action="ignore"):  # the library's own odd escapes
        try:
            tree = ast.parse(source)
            tokens = list(tokenize.generate_tokens(iter(text.lines).__next__))
        except (tokenize.TokenError, ValueError) as error:
            raise SyntaxError(str(error)) from None
    parameters, docstrings = set(), set()
    defined: list[_Def] = []
    returns: dict[int, list[ast.Return]] = {}
    generators = set()
    for node, owner in _walk(tree):
        if isinstance(node, ast.arg):
            parameters.add(text.span(node)[0])
        elif isinstance(node, ast.Return):
            returns.setdefault(owner, []).append(node)
        elif isinstance(node, ast.Yield | ast.YieldFrom):
            generators.add(owner)
        elif isinstance(node, _DOCUMENTED):
            if ast.get_docstring(node, clean=False) is not None:
                docstrings.add(text.span(node.body[0])[0])
            if isinstance(node, _Def):
                defined.append(node)
    roles, names = _roles(text, tokens, parameters, docstrings)
    questions = []
    for n, node in enumerate(defined):
        found = returns.get(n, [])
        if len(found) == 1 and found[0].value is not None and n not in generators:
            questions.append(Question(n, None, text.span(found[0].value)))
        questions += [Question(n, *spans) for spans in _defaults(text, node.args)]
    return Reading(
        begins=np.asarray([begin for begin, _ in roles], dtype=np.int64),
        roles=np.asarray([ROLES.index(role) for _, role in roles], dtype=np.int8),
        functions=[_function(text, node, names) for node in defined],
        questions=questions,
    )


def _walk(tree: ast.AST) -> Iterator[tuple[ast.AST, int]]:
    """Every node in the order of the source, and the number of the function that it is in.

    The insides of formatted strings are left out: Python 3.11 gives them wrong places.
    """
    functions = 0
    todo: list[tuple[ast.AST, int]] = [(tree, -1)]
    while todo:
        node, owner = todo.pop()
        yield node, owner
        if isinstance(node, ast.JoinedStr):
            continue
        if isinstance(node, _Def):
            owner, functions = functions, functions + 1
        elif isinstance(node, ast.Lambda | ast.ClassDef):
            owner = -1
        todo.extend((child, owner) for child in reversed(list(ast.iter_child_nodes(node))))


def _roles(
    text: _Text, tokens: list[tokenize.TokenInfo], parameters: set[int], docstrings: set[int]
) -> tuple[list[tuple[int, str]], dict[int, Span]]:
    """Places and roles of the tokens; and of every definition's place, where its name stands."""
    roles: list[tuple[int, str]] = []
    names: dict[int, Span] = {}
    depth, importing = 0, False
    before: list[str] = []  # of this statement: what stood there, names by their role
    seen = [token for token in tokens if token.type not in _LAYOUT]
    for token, following in itertools.zip_longest(seen, seen[1:]):
        if token.type == tokenize.NEWLINE:
            before, importing = [], False
            continue
        inside = depth > 0
        depth += (token.type in _OPENING) - (token.type in _CLOSING)
        if inside:
            continue  # the opening of a formatted string spoke for the whole
        begin = text.character(*token.start)
        last = before[-1] if before else ""
        said = token.string
        if token.type == tokenize.NAME:
            if last == "def":
                for place, _ in roles[-2 if before[-2:-1] == ["async"] else -1 :]:
                    names[place] = begin, begin + len(said)
            importing |= said == "import" or (said == "from" and last in ("", ";", ":"))
            called = following is not None and following.string == "("
            role = said = _name(said, last, called, importing, begin in parameters)
            if role == "keyword":
                said = token.string
        elif token.type == tokenize.STRING or token.type in _OPENING:
            documents = begin in docstrings or last == "docstring"  # of several pieces, say
            role = said = "docstring" if documents else "string"
        elif token.type == tokenize.NUMBER:
            role = said = "number"
        elif token.type == tokenize.COMMENT:
            roles.append((begin, "comment"))
            continue
        else:
            role = "operator"
            importing &= said != ";"
        roles.append((begin, role))
        before.append(said)
    return roles, names


def _name(name: str, last: str, called: bool, importing: bool, parameter: bool) -> str:
    """Role of a word; ``last`` is what stands before it.

    Soft keywords are read as the names that they may be, and a class in a pattern as a call.
    """
    if keyword.iskeyword(name):
        return "keyword"
    if importing:
        return "import"
    if last in ("def", "class"):
        return "function" if last == "def" else "class"
    if parameter:
        return "parameter"
    if called:
        return "call"
    return "attribute" if last == "." else "name"


def _function(text: _Text, node: Any, names: dict[int, Span]) -> Function:
    span = text.span(node)
    summary = (ast.get_docstring(node) or "").strip().partition("\n")[0]
    documented = bool(summary) and len(node.body) > 1
    return Function(
        name=node.name,
        span=span,
        called=names[span[0]],
        docstring=text.span(node.body[0]) if documented else None,
        summary=summary if documented else "",
    )


def _defaults(text: _Text, arguments: ast.arguments) -> Iterator[tuple[Span, Span]]:
    """Where the parameters that have a default stand, and where the defaults do."""
    positional = [*arguments.posonlyargs, *arguments.args]
    late = positional[len(positional) - len(arguments.defaults) :]
    pairs = [*zip(late, arguments.defaults, strict=True)]
    named = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    for argument, default in [*pairs, *((a, d) for a, d in named if d is not None)]:
        begin = text.span(argument)[0]
        yield (begin, begin + len(argument.arg)), text.span(default)
