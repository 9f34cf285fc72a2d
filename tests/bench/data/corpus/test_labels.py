"""What Python's own parser says of a source: roles, functions and questions."""

import ast
import sysconfig
from collections import Counter
from pathlib import Path

import pytest

from bench.data.corpus import labels

ROOT = Path(sysconfig.get_path("stdlib"))


SNIPPET = '''\
"""Module."""
import os.path as p; from . import q  # c
@p.decorated(1)
async def one(a, *, b: int = 2.5, **kw):  # é
    """Say "one".

    At length.
    """
    def inner(): "Say inner."; return a.x.y(b)[0]
    return [f"{a.b}" "z", lambda d=kw: d, \\
        inner(a=None)]

class Two(one.Three):
    "Two" "pieces"
    def four(self, é="é", e=(1, 2)):
        "   Say four.   "
        yield 1
        return "é" + é
def five(): """Only a docstring."""
def six(): return print
'''


class TestLabels:
    def test_roles_of_every_kind(self):
        reading = labels.read(SNIPPET)
        ends = [*reading.begins[1:], len(SNIPPET)]
        found = [
            (SNIPPET[begin:end].strip(), labels.ROLES[role])
            for begin, end, role in zip(reading.begins, ends, reading.roles, strict=True)
        ]
        roles = {}
        for said, role in found:
            roles.setdefault(role, []).append(said)
        assert roles["function"] == ["one", "inner", "four", "five", "six"]
        assert roles["class"] == ["Two"]
        assert roles["parameter"] == ["a", "b", "kw", "d", "self", "é", "e"]
        assert roles["import"] == ["os", "path", "p", "q"]
        assert roles["call"] == ["decorated", "y", "inner"]
        assert roles["attribute"] == ["x", "Three"]
        assert roles["comment"] == ["# c", "# é"]
        assert roles["number"] == ["1", "2.5", "0", "1", "2", "1"]
        assert roles["string"] == ['f"{a.b}"', '"z"', '"é"', '"é"']
        assert [said.split()[0] for said in roles["docstring"]] == [
            '"""Module."""',
            '"""Say',
            '"Say',
            '"Two"',
            '"pieces"',
            '"',
            '"""Only',
        ]
        assert {"None", "async", "def", "lambda", "yield"} <= set(roles["keyword"])
        assert set(roles["name"]) == {"p", "int", "a", "b", "kw", "d", "one", "é", "print"}

    def test_functions_and_their_docstrings(self):
        functions = {f.name: f for f in labels.read(SNIPPET).functions}
        lines = {name: f.summary for name, f in functions.items() if f.docstring}
        assert lines == {"one": 'Say "one".', "inner": "Say inner.", "four": "Say four."}
        for name, function in functions.items():
            assert SNIPPET[slice(*function.called)] == name
            assert SNIPPET[slice(*function.span)].startswith(("def ", "async def "))
        assert SNIPPET[slice(*functions["one"].docstring)].startswith('"""Say "one"')
        assert SNIPPET[slice(*functions["one"].span)].endswith("inner(a=None)]")
        assert SNIPPET[slice(*functions["four"].span)].endswith('"é" + é')

    def test_questions_have_one_answer(self):
        reading = labels.read(SNIPPET)
        asked = [
            (
                reading.functions[q.function].name,
                q.parameter and SNIPPET[slice(*q.parameter)],
                SNIPPET[slice(*q.answer)],
            )
            for q in reading.questions
        ]
        assert asked[1:] == [
            ("one", "b", "2.5"),
            ("inner", None, "a.x.y(b)[0]"),
            ("four", "é", '"é"'),
            ("four", "e", "(1, 2)"),
            ("six", None, "print"),
        ]
        assert asked[0][:2] == ("one", None)
        assert asked[0][2].startswith('[f"{a.b}"')

    @pytest.mark.parametrize("text", ["print 2", "def f(:", "x = (", "\0"])
    def test_what_is_not_python_says_so(self, text):
        with pytest.raises(SyntaxError):
            labels.read(text)

    def test_an_empty_file_has_nothing(self):
        reading = labels.read("")
        assert len(reading.begins) == len(reading.roles) == len(reading.functions) == 0

    def test_agree_with_the_syntax_tree_over_files_of_the_library(self):
        """Which is walked here for what the module reads off the order of tokens."""
        for path in ("json/encoder.py", "argparse.py", "dataclasses.py", "inspect.py"):
            text = (ROOT / path).read_text()
            reading = labels.read(text)
            counted = Counter(labels.ROLES[role] for role in reading.roles)
            expected = Counter()
            todo = [ast.parse(text)]
            while todo:
                node = todo.pop()
                if isinstance(node, ast.JoinedStr):
                    continue
                match node:
                    case ast.FunctionDef() | ast.AsyncFunctionDef():
                        expected["function"] += 1
                    case ast.ClassDef():
                        expected["class"] += 1
                    case ast.arg():
                        expected["parameter"] += 1
                    case ast.Call(func=ast.Name() | ast.Attribute()) | ast.MatchClass():
                        expected["call"] += 1  # a class in a pattern is written as a call is
                    case ast.alias(name=name, asname=other):
                        words = [w for w in name.split(".") if w != "*"]
                        expected["import"] += len(words) + (other is not None)
                    case ast.ImportFrom(module=str(module)):
                        expected["import"] += len(module.split("."))
                if isinstance(node, ast.Attribute):
                    expected["attribute"] += 1
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                    expected["attribute"] -= 1
                todo += ast.iter_child_nodes(node)
            assert {role: counted[role] for role in expected} == dict(expected), path
