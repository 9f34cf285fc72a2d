"""What is decided before the first clock: models, and what cannot run, with its reason."""

import pytest

import models.arms
from bench import outcome, registry, study, tasks
from bench.execute import ceilings, prepare, processes, refusals
from bench.execute.sizing import sized
from bench.outcome import Unavailable, Unsupported
from bench.store import system
from models import kernels

from ...conftest import TINY
from .groups import THREADS, planned


class TestPreparation:
    def test_decides_about_every_cell(self, decided):
        for cell in study.load(str(TINY)).cells:
            answer = decided[cell.key]
            if cell.length == 64 and cell.arm == "transformer":
                assert answer["failed"] == outcome.UNSUPPORTED
                assert "beyond the 32 positions" in answer["reason"]
            else:
                assert abs(answer["match"]["error"]) <= 0.01
                assert answer["match"]["quantity"] == "params"
                assert answer["match"]["got"] == answer["parameters"]["body"]
                assert answer["cost"]["length"] == cell.length
                assert answer["cost"]["forward_flops_per_token"] > answer["parameters"]["body"]
                assert answer["estimate_s"] > 0

    def test_absent_device_and_foreign_kernel_are_unsupported(self, server, fingerprint):
        cell = study.load(str(TINY)).cells[0]
        wrong = [
            cell.model_copy(update={"device": "xpu"}),
            cell.model_copy(update={"kernel": "sdpa"}),
        ]
        answers = processes.prepare(server, wrong, fingerprint, THREADS)["cells"]
        reasons = [answers[cell.key]["reason"] for cell in wrong]
        assert [answers[cell.key]["failed"] for cell in wrong] == [outcome.UNSUPPORTED] * 2
        assert "no xpu device" in reasons[0]
        assert "lstm has no kernel 'sdpa'; it has fused" in reasons[1]

    def test_more_threads_than_there_are_is_unsupported(self, server, fingerprint):
        cells = study.load(str(TINY)).cells
        speed = next(cell for cell in cells if cell.probe == "speed")
        wrong = speed.model_copy(update={"threads": THREADS + 1})
        (answer,) = processes.prepare(server, [wrong], fingerprint, THREADS)["cells"].values()
        assert answer["failed"] == outcome.UNSUPPORTED
        assert f"threads={THREADS + 1} on a machine that gives this process" in answer["reason"]

    def test_half_a_processor_times_nothing(self, decided, fingerprint, tmp_path, monkeypatch):
        """The files of ``docker --cpus 0.5``; what is not timed runs, if slowly."""
        for path, text in {
            "proc/self/cgroup": "0::/",
            "sys/fs/cgroup/cpu.max": "50000 100000",
        }.items():
            (tmp_path / path).parent.mkdir(parents=True)
            (tmp_path / path).write_text(text)
        monkeypatch.setattr(system, "ROOT", tmp_path)
        timed, trained = planned("speed", threads=1), planned("learning", threads=1)
        data = tasks.open_data(timed.task, timed.data, fingerprint)
        with pytest.raises(Unavailable, match=r"a quota of 0\.5 processors stops"):
            refusals.check(timed, decided[planned("speed").key]["config"], data)
        data = tasks.open_data(trained.task, trained.data, fingerprint)
        refusals.check(trained, decided[planned("learning").key]["config"], data)

    @pytest.mark.parametrize(("ratio", "refused"), [(1.02, True), (40.0, False)])
    def test_flushing_is_timed_only_where_subnormals_slow(self, monkeypatch, ratio, refused):
        """Beside the same cell that keeps them; one that is asked for by itself is run."""
        monkeypatch.setattr(ceilings, "subnormal_ratios", lambda: {"product": 1.0, "mul": ratio})
        keep, flush = (planned("speed", denormals=setting) for setting in ("keep", "flush"))
        gradient = [planned("gradient", denormals=setting) for setting in ("keep", "flush")]
        found = refusals.of_flushing({c.key: c for c in (keep, flush, *gradient)})
        assert list(found) == ([flush.key] if refused else [])
        for answer in found.values():
            assert answer["failed"] == outcome.UNSUPPORTED
            assert "no effect on this processor" in answer["reason"]
            assert "at most 1.02 times as long" in answer["reason"]
        assert refusals.of_flushing({flush.key: flush}) == {}

    def test_matched_by_flops_at_each_length(self, server, fingerprint):
        """Attention grows with the length, so an LSTM that keeps up with it grows too."""
        planned = [c for c in study.load(str(TINY)).cells if c.arm == "lstm" and c.probe == "speed"]
        by_flops = planned[0].model.model_copy(update={"match": "flops"})
        cells = [
            planned[0].model_copy(update={"model": by_flops, "length": length, "dtype": dtype})
            for length, dtype in ((32, "float32"), (512, "float32"), (512, "float64"))
        ]
        answers = processes.prepare(server, cells, fingerprint, THREADS)["cells"]
        short, long, double = (answers[cell.key] for cell in cells)
        assert short["match"]["quantity"] == "flops"
        assert short["config"]["hidden_size"] < long["config"]["hidden_size"]
        assert long["match"]["got"] == long["cost"]["forward_flops_per_token"] * 512
        assert double["cost"]["state_bytes"] == 2 * long["cost"]["state_bytes"]

    def test_a_quantity_that_an_arm_cannot_change_is_invalid(self, server, fingerprint):
        cell = study.load(str(TINY)).cells[0]
        wrong = cell.model_copy(
            update={"model": cell.model.model_copy(update={"match": "state", "match_to": "lstm"}),
                    "arm": "transformer", "kernel": "sdpa"}
        )  # fmt: skip
        answer = processes.prepare(server, [wrong], fingerprint, THREADS)["cells"][wrong.key]
        assert answer["failed"] == outcome.INVALID
        assert "no free dimension changes it" in answer["reason"]

    def test_an_arm_that_cannot_be_matched_is_invalid(self, server, fingerprint):
        cell = study.load(str(TINY)).cells[0]
        tiny = cell.model.model_copy(update={"hidden_size": 4, "num_heads": 1})
        wrong = cell.model_copy(update={"model": tiny})
        answer = processes.prepare(server, [wrong], fingerprint, THREADS)["cells"][wrong.key]
        assert answer["failed"] == outcome.INVALID
        assert "within 1.0%" in answer["reason"]


@pytest.mark.parametrize(
    ("task", "length", "protocol", "said"),
    [
        ("parity", 16, {"shortest": 17}, "at most the cell's length, 16. Got 17"),
        ("parity", 16, {"shortest": 1}, "'parity'"),
        ("parity", 16, {"test_lengths": [32, 1 << 20]}, "1048576"),
        ("digits", 64, {"test_lengths": [256]}, "images of one size"),
    ],
)
def test_windows_that_a_protocol_cannot_have_are_refused(task, length, protocol, said):
    cell = planned("learning", arm="lstm", task=task, length=length)
    data = tasks.open_data(task, "offline", "")
    config = sized(cell, data)["config"]
    refusals.check(cell, config, data)
    wrong = cell.model_copy(update={"protocol": cell.protocol | protocol})
    with pytest.raises(Unsupported, match=said):
        refusals.check(wrong, config, data)


def text_tasks_without(arm):
    """Tasks read through the tokenizer whose head an arm has not."""
    heads = models.arms.load(arm).heads
    return [
        name
        for name, entry in registry.tasks().items()
        if entry.literals["HEAD"] not in heads and "VOCABULARY" not in entry.literals
    ]


LACKING = [(arm, task) for arm in registry.arms() for task in text_tasks_without(arm)]


@pytest.mark.parametrize(("arm", "task"), LACKING)
@pytest.mark.parametrize("own", [True, False])
def test_a_head_that_an_arm_has_not_is_unsupported(corpus, arm, task, own):
    """Known beforehand, whether it is the cell's own arm or the one that it is matched to."""
    cell = planned("learning", task=task, length=registry.tasks()[task].literals["LENGTHS"][0])
    measured = arm if own else cell.arm
    model = cell.model.model_copy(update={"match_to": arm, "tokenizer": "checkpoint"})
    cell = cell.model_copy(update={"arm": measured, "model": model})
    data = tasks.open_data(task, "offline", corpus.hash)
    decided = prepare.Decisions(lambda cell: data)(cell)
    assert decided["failed"] == outcome.UNSUPPORTED
    head = registry.tasks()[task].literals["HEAD"]
    both = arm if own else f"{measured} and {arm}"
    assert decided["reason"].startswith(f"task {task!r} needs {head} of {both}: ")
    assert head in decided["reason"].partition(": ")[2]


def test_one_arm_lacks_a_head():
    assert LACKING


def test_one_number_that_is_left_of_large_terms_is_no_reason_to_refuse_a_kernel():
    """A regression's output may be a thousandth of what it is summed from, in any kernel."""
    cell = next(c for c in study.load("anchors").cells if (c.task, c.arm) == ("adding", "rnn"))
    config = models.arms.config_from_dict(sized(cell, None)["config"])
    head = tasks.load("adding").HEAD
    kernels.check_kernel(models.arms.load("rnn"), config, head, "fused")


def test_a_kernel_is_proven_once_for_windows_of_all_lengths(corpus, monkeypatch):
    """Positions are as many as a window needs, and no kernel's business."""
    proven = []
    monkeypatch.setattr(prepare.refusals, "of_kernel", lambda cell, config: proven.append(cell))
    decide = prepare.Decisions(lambda cell: corpus)
    for arm, kernel in (("transformer", "sdpa"), ("lstm", "fused")):
        for length in (32, 64, 128):
            cell = planned("speed", arm=arm, kernel=kernel, length=length)
            model = cell.model.model_copy(update={"max_positions": None})
            assert "failed" not in decide(cell.model_copy(update={"model": model}))
    assert [cell.arm for cell in proven] == ["transformer", "lstm"]
