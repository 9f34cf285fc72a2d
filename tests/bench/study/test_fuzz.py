"""Study files that are changed at random: each is a plan, or one error in our own words."""

import copy
import datetime
import math
import random
import re

import pytest

from bench import registry, study
from bench.study import StudyError
from bench.study.plan import MOST_CELLS

from ...conftest import TINY
from .files import written

FILES = 200  # in all
BATCHES = 4
STUDIES = [TINY, *(registry.studies()[name] for name in ("quick", "anchors", "pretraining"))]

#: What a library would say, or Python.
FOREIGN = re.compile(
    r"[Ii]nput should|valid (integer|string|number|dictionary|list|boolean)|instance of|literal\["
    r"|constrained|Field required|Value error|pydantic|after validation|NoneType|unhashable"
    r"|Errno|Error\b|Traceback|<class|object at 0x|datetime\."
)
LINE = re.compile(r"wrong\.toml:\d+: \S|wrong\.toml: \d")


def nested(depth):
    value = 1
    for _ in range(depth):
        value = [value]
    return value


def tables(depth):
    value = {"a": 1}
    for _ in range(depth):
        value = {"a": value}
    return value


VALUES = [
    0, 1, -1, 2, 10**23, 10**26, -(10**30), 2**31, 2**63, 2**64, 1e10, 1e308, -0.0, 5e-324,
    math.nan, math.inf, -math.inf, True, False, "", " ", "a", "x" * 300, "x" * 5000, "all", "self",
    "\x1b[31m", "\x00", "a\nb", "\u202eabc", "\u2028", "ﬀ", "日本語", "🙂", "../..", "speed",
    "lstm", "owner/name@main", "$HOME", [], [[]], {}, [{}], [1, "a"], ["speed"], [0, 0], [True, 1],
    ["lstm", "lstm"], nested(5), nested(30), tables(5), tables(30), list(range(2000)),
    datetime.date(2024, 1, 1), datetime.time(1), [datetime.datetime(2024, 1, 1)],
]  # fmt: skip
KEYS = [
    "",
    "a",
    "x" * 300,
    "\x1b]0;x\x07",
    "\u202e",
    "a.b",
    'a"b',
    "__class__",
    "model_config",
    "ß",
]


def toml(value):
    """A value as TOML, tables inline."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{quoted(k)} = {toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return repr(value)


def quoted(text):
    kept = (c if c.isprintable() and c not in '"\\' else f"\\U{ord(c):08x}" for c in text)
    return f'"{"".join(kept)}"'


def document(content):
    """A study as people write it: tables under headers wherever there are tables."""
    lines = [f"{quoted(k)} = {toml(v)}" for k, v in content.items() if k not in own(content)]
    for name in own(content):
        value = content[name]
        entries = value.items() if isinstance(value, dict) else ((None, v) for v in value)
        for key, table in entries:
            lines.append(f"[[{name}]]" if key is None else f"[{name}.{quoted(key)}]")
            lines += [f"{quoted(k)} = {toml(v)}" for k, v in table.items()]
    return "\n".join(lines)


def own(content):
    """The parts of a study that are still tables, under names of their own."""
    found = []
    for name in ("comparison", "grid", "published"):
        value = content.get(name)
        inner = value.values() if isinstance(value, dict) else value
        if isinstance(value, dict | list) and value and all(isinstance(v, dict) for v in inner):
            found.append(name)
    return found


def places(value, at=()):
    """Every table and list of a study, with the keys that lead there."""
    yield at
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, part in inner:
        if isinstance(part, dict | list):
            yield from places(part, (*at, key))


def changed(content, choose):
    """A study with one to four values changed, removed, added, or moved."""
    content = copy.deepcopy(content)
    for _ in range(choose.randint(1, 4)):
        part = content
        for key in choose.choice(list(places(content))):
            part = part[key]
        keys = list(part) if isinstance(part, dict) else list(range(len(part)))
        how = choose.randrange(6)
        if how == 0 and isinstance(part, dict):
            part[choose.choice(KEYS)] = copy.deepcopy(choose.choice(VALUES))
        elif how == 1 and keys:
            del part[choose.choice(keys)]
        elif how == 2 and keys and isinstance(part, dict):
            old = choose.choice(keys)
            part[old[:-1] or "x"] = part.pop(old)
        elif how == 3 and keys:
            key = choose.choice(keys)
            part[key] = [part[key]]
        elif keys:
            part[choose.choice(keys)] = copy.deepcopy(choose.choice(VALUES))
    return content


@pytest.mark.parametrize("batch", range(BATCHES))
def test_changed_studies_are_planned_or_refused_in_our_words(tmp_path, batch):
    import tomllib

    choose = random.Random(batch)
    originals = [tomllib.loads(path.read_text()) for path in STUDIES]
    refused = 0
    for _ in range(FILES // BATCHES):
        text = document(changed(choose.choice(originals), choose))
        try:
            planned = study.load(written(tmp_path, text))
        except StudyError as error:
            refused += 1
            for line in str(error).splitlines():
                assert LINE.match(line), (line, text)
                assert not FOREIGN.search(line), (line, text)
                assert line.isprintable(), (line, text)
                assert len(line) < 1000, (line, text)
        else:
            assert 0 < len(planned.cells) <= MOST_CELLS
    assert refused > FILES // BATCHES // 2
