"""What a report says of real records, for tests of who quotes it; and names that nobody likes."""

import copy
import functools
import json
import shutil
from pathlib import Path

import matplotlib.pyplot as plt

from bench import claims, registry
from bench.page.evidence import Evidence
from bench.page.judgement import UNDECIDED
from bench.report import answers
from bench.store import archive

RECORDS = Path(__file__).parents[3] / "reports/published/gradients/records.jsonl.gz"
STEM = "shown"
HOSTILE = (
    "A 100% _x_ & #1 $y$ {z} }{ ~ ^ \\ <script>alert(1)</script> | `q` ``` [/x] ![a](b) "
    '[^1] – × ≥ é ß λ 小 "q" it\'s\n\n# not a heading @misc{'
)


class Part:
    """The records of one probe and two comparisons: enough for a verdict, and read in a second."""

    def __init__(self, whole):
        self.whole = whole

    def records(self):
        return [r for r in self.whole.records() if r["cell"]["task"] == "package"
                and r["cell"]["comparison"] in ("scratch", "chrono")]  # fmt: skip

    def meta(self, name, default=None):
        return self.whole.meta(name, default)


@functools.cache
def _document():
    source = Part(archive.opened(RECORDS))
    evidence = Evidence(source.records(), source.meta("ceilings"), source.meta("published") or [])
    judged = [claims.judge(name, evidence) for name in registry.claims()]
    judged.sort(key=lambda claim: claim.place)
    return json.dumps(
        answers.document(source, judged, archive.PACKED, source.whole.digest), allow_nan=False
    )


def document():
    """The content of ``claim.json``; a copy, to be changed."""
    return json.loads(_document())


def decided(said):
    """Its first claim with a verdict."""
    return next(claim for claim in said["claims"] if claim["state"] != UNDECIDED)


def unjudged(claim):
    """The same where nothing was measured that it rests on."""
    return copy.deepcopy(claim) | {
        "id": "open", "sentence": "Recurrent networks are slow to train", "state": UNDECIDED,
        "headline": "", "undecided": "Undecided: needs probe speed at two lengths.",
        "needs": "probe speed at two lengths", "judgements": [], "figure": None,
    }  # fmt: skip


def hostile(said):
    """The same with a name that somebody gave in every text that a study or a machine has."""
    said = copy.deepcopy(said)
    for claim in said["claims"]:
        for judgement in claim["judgements"]:
            judgement["scope"] |= {"comparison": HOSTILE, "task": HOSTILE}
            judgement["sentence"] = HOSTILE
            judgement["effects"][-1]["unit"] = HOSTILE
        claim |= {"headline": claim["headline"] and HOSTILE, "sentence": HOSTILE}
        claim |= {"refuted_if": HOSTILE, "needs": HOSTILE}
    said["claims"].append(unjudged(decided(said)) | {"sentence": HOSTILE, "needs": HOSTILE})
    return said | {
        "title": HOSTILE, "summary": HOSTILE, "study": HOSTILE, "source": HOSTILE,
        "machines": [HOSTILE, HOSTILE],
    }  # fmt: skip


def made(folder, said=None):
    """A report's folder: answers, a page, and the figure of the decided claim in its four files."""
    said = document() if said is None else said
    decided(said)["figure"] = STEM
    figures = folder / "figures"
    figures.mkdir(parents=True)
    (folder / "pages").mkdir()
    answers.write(said, folder / answers.FILE)
    for page in ("README.md", "pages/claims.md"):
        (folder / page).write_text("# A page\n")
    for ending, ground in (("", "white"), ("-dark", "black")):
        figure, axes = plt.subplots(figsize=(7, 4), facecolor=ground)
        axes.plot([64, 8192], [12, 12])
        for kind in ("svg", "png"):
            figure.savefig(figures / f"{STEM}{ending}.{kind}")
        plt.close(figure)
    return folder


def copied(folder, to):
    """A folder that a test may write to."""
    return Path(shutil.copytree(folder, to))
