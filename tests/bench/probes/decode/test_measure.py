"""Decoding: what the gate lets through, what is timed, and what is kept of a context."""

import functools
import gc
from types import SimpleNamespace

import pytest
import torch

from bench import registry, tasks
from bench.execute import sizing
from bench.measure import devices
from bench.measure.subject import Subject
from bench.outcome import Invalid, Unsupported
from bench.probes.decode import measure as decode
from bench.probes.decode.passes import Passes
from bench.study import Cell, Comparison, Recurrent

LITERALS = registry.probes()["decode"].literals
ARMS = [name for name, arm in registry.arms().items() if arm.literals["WEIGHTS"] == "random"]
#: Tasks of real text that a head generates.
TASKS = [
    name
    for name, task in registry.tasks().items()
    if task.literals["HEAD"] in LITERALS["HEADS"] and task.literals["KIND"] == "real"
]
ACCELERATOR = devices.current()
POSITIONS = 96
_MATCHED = {}


def subject(
    corpus,
    arm,
    task,
    length=16,
    attention=False,
    device="cpu",
    phase="decode",
    dtype="float32",
    **protocol,
):
    """A small model of an arm under a task's head."""
    defaults = {key: field["default"] for key, field in LITERALS["PROTOCOL"].items()}
    cell = Cell(
        probe="decode",
        comparison="scratch",
        task=task,
        length=length,
        arm=arm,
        kernel=registry.arms()[arm].literals["KERNELS"][0],
        device=device,
        dtype=dtype,
        denormals="keep",
        threads="all",
        seed=0,
        axes={"phase": phase},
        model=Comparison(
            summary="small",
            match_to="transformer",
            hidden_size=64,
            max_positions=POSITIONS,
            recurrent=Recurrent(attention=attention),
        ),
        protocol=defaults | {"new_tokens": 6, "warmup": 1} | protocol,
    )
    same = (arm, task, attention)  # parameters are matched, whatever the length
    if same not in _MATCHED:
        _MATCHED[same] = sizing.sized(cell, corpus)
    assert "failed" not in _MATCHED[same], _MATCHED[same]["reason"]
    return Subject(cell, _MATCHED[same]["config"], corpus)


def measurement(*args, **kwargs):
    return decode.Measurement(subject(*args, **kwargs), lambda share: None)


@pytest.fixture(params=ARMS)
def arm(request):
    return request.param


@pytest.fixture(params=TASKS)
def task(request):
    return request.param


class TestMeasurement:
    def test_a_round_times_every_token_of_a_batch(self, corpus, arm, task):
        timed = measurement(corpus, arm, task, batch_size=3)
        for _ in range(4):
            timed.round()
        result = timed.result()
        metrics, samples = result.metrics, result.samples
        assert len(samples["seconds"]) == len(samples["first_token_seconds"]) == 4
        assert len(samples["position_seconds"]) == 5
        assert min(samples["position_seconds"]) > 0
        assert len(samples["late_over_early"]) == 4
        of_all_launches = {"step_s", "tokens_per_s", *LITERALS["SUMMARIES"]}
        assert not of_all_launches & metrics.keys()
        assert metrics["tokens_per_step"] == 3
        assert metrics["gate_tokens"] == 6
        assert 0 <= metrics["gate_error"] <= 1e-4

    def test_rates_are_those_of_the_clock(self, corpus, monkeypatch, task):
        """Readings 0, 1, 4, 9, ... s: the start, the prompt, then a token each."""
        timed = measurement(corpus, "gru", task, new_tokens=5)
        readings = iter([n * n * 10**9 for n in range(7)] * 2)
        monkeypatch.setattr(decode, "time", SimpleNamespace(perf_counter_ns=lambda: next(readings)))
        timed.round()
        timed.round()
        result = timed.result()
        assert result.samples["first_token_seconds"] == [4.0, 4.0]
        assert result.samples["position_seconds"] == [5.0, 7.0, 9.0, 11.0]
        assert result.samples["seconds"] == [8.0, 8.0]  # (36 - 4) / 4
        assert result.samples["late_over_early"] == [11 / 5, 11 / 5]
        assert next(readings, None) is None

    def test_collector_is_off_inside_a_round_only(self, corpus):
        timed = measurement(corpus, "lstm", "language")
        seen = []
        timed.model.register_forward_hook(lambda *_: seen.append(gc.isenabled()))
        assert gc.isenabled()
        timed.round()
        assert gc.isenabled()
        assert seen == [False] * 6

    def test_end_of_sequence_does_not_end_it(self, corpus, task):
        """Every logit but the separator's is low, and all tokens are written nevertheless."""
        timed = measurement(corpus, "gru", task)
        model, end = timed.model, corpus.sep_id

        def only_the_end(_module, _inputs, outputs):
            outputs.logits[..., end] = 1e4

        model.register_forward_hook(only_the_end)
        outputs = decode.generate(model, timed.prompts[0], 6)
        assert (outputs[:, -6:] == end).all()
        timed.round()
        assert len(timed.steps[0]) == 5

    def test_same_prompts_for_every_arm_of_the_tasks_own_text(self, corpus, task):
        prompts = [measurement(corpus, arm, task).prompts for arm in ("rnn", "transformer")]
        rows = tasks.draw(task, corpus, "train", 16, 4, seed=0)["input_ids"]
        for one in prompts:
            assert torch.equal(torch.cat(one), torch.from_numpy(rows))


class TestGate:
    def test_greedy_tokens_are_those_of_generate_without_a_cache(self, corpus, arm, task):
        """The gate compares logits in one pass; this runs the slow way that it stands for."""
        timed = measurement(corpus, arm, task)
        model, prompt = timed.model, timed.prompts[0]
        slow = model.generate(prompt, max_new_tokens=6, use_cache=False)
        assert torch.equal(decode.generate(model, prompt, 6), slow)

    def test_a_prompt_with_what_a_model_calls_padding_is_read_whole(self, corpus):
        """A document's end is GPT-2's only mark, so that people have it pad with that too."""
        timed = measurement(corpus, "transformer", "language", batch_size=2)
        model, prompt = timed.model, timed.prompts[0].clone()
        model.generation_config.pad_token_id = model.config.pad_token_id = corpus.sep_id
        model.generation_config = decode.greedy(model)
        prompt[0, 5] = prompt[1, 0] = corpus.sep_id
        assert decode.check_cache(model, prompt, 6) < 1e-4
        slow = model.generate(
            prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=6, use_cache=False
        )
        assert torch.equal(decode.generate(model, prompt, 6), slow)

    def test_a_cache_that_forgets_is_refused(self, corpus, arm, task):
        model = measurement(corpus, arm, task).model
        prompt = subject(corpus, arm, task).rows("test", 2, seed=0)["input_ids"]
        _spoil(model, _forget)
        with pytest.raises(Invalid, match=r"decoding with a cache differs .* at token [2-6] of 6"):
            decode.check_cache(model, prompt, 6)

    @pytest.mark.parametrize("arm", ["lstm", "transformer"])
    def test_a_slightly_wrong_cache_is_refused(self, corpus, arm):
        """Three thousandths off from the fifth token on, where greedy tokens may well agree."""
        model = measurement(corpus, arm, "language").model
        prompt = subject(corpus, arm, "language").rows("test", 1, seed=0)["input_ids"]
        _spoil(model, lambda cache: _scale(cache, 1.003) if cache.get_seq_length() > 18 else None)
        with pytest.raises(Invalid, match=r"at token [56] of 6"):
            decode.check_cache(model, prompt, 6)

    def test_nan_is_refused(self, corpus):
        model = measurement(corpus, "gru", "language").model
        torch.nn.init.constant_(model.lm_head.weight, float("nan"))
        prompt = subject(corpus, "gru", "language").rows("test", 1, seed=0)["input_ids"]
        with pytest.raises(Invalid, match="Got nan"):
            decode.check_cache(model, prompt, 4)

    def test_a_failing_model_is_never_timed(self, corpus, monkeypatch):
        given = subject(corpus, "lstm", "language")
        model = given.build()
        _spoil(model, _forget)
        monkeypatch.setattr(given, "build", lambda: model)
        monkeypatch.setattr(decode.Measurement, "round", lambda self: pytest.fail("was timed"))
        with pytest.raises(Invalid):
            decode.Measurement(given, lambda share: None)


def _spoil(model, change):
    """Change what a model kept before every step that reads it."""
    forward = model.forward

    @functools.wraps(forward)  # ``generate`` reads the signature
    def wrong(*args, **kwargs):
        cache = kwargs.get("past_key_values")
        if cache is not None and cache.get_seq_length():
            change(cache)
        return forward(*args, **kwargs)

    model.forward = wrong


def _forget(cache):
    _scale(cache, 0.0)


def _scale(cache, factor):
    with torch.no_grad():
        if hasattr(cache, "tensors"):
            cache.tensors = tuple(tensor * factor for tensor in cache.tensors)
            return
        for tensor in decode._tensors(getattr(cache, "self_attention_cache", cache)):
            tensor.mul_(factor)


class TestKept:
    def test_equals_the_closed_form(self, corpus, arm, task):
        for length in (16, 40):
            given = subject(corpus, arm, task, length, batch_size=2)
            timed = decode.Measurement(given, lambda share: None)
            assert timed.state_bytes == _closed_form(given)

    @pytest.mark.parametrize(("arm", "sizes"), [("lstm", 1), ("transformer", 4)])
    def test_a_state_is_as_large_after_any_context_and_a_cache_is_not(
        self, corpus, arm, sizes, task
    ):
        found = [measurement(corpus, arm, task, length=length).state_bytes for length in (16, 40)]
        assert len({size for pair in found for size in pair}) == sizes

    @pytest.mark.parametrize("arm", ["lstm", "gru"])
    def test_an_attending_decoder_keeps_its_source(self, corpus, arm):
        given = subject(corpus, arm, "docstring", attention=True, batch_size=2)
        timed = decode.Measurement(given, lambda share: None)
        assert timed.state_bytes == _closed_form(given)
        plain = measurement(corpus, arm, "docstring").state_bytes
        assert timed.state_bytes[0] > plain[0]


def _closed_form(given):
    cost, length = given.arm.cost(given.config, given.task.HEAD), given.cell.length
    if given.task.HEAD == "AutoModelForCausalLM":
        return [cost.state_bytes(length), cost.state_bytes(length + 6)]
    return [cost.state_bytes(length, 1), cost.state_bytes(length, 7)]  # behind a start token


class TestRefused:
    @pytest.mark.parametrize("task", TASKS)
    @pytest.mark.parametrize("arm", ["transformer", "rnn"])
    def test_tokens_beyond_the_positions(self, corpus, arm, task):
        """A causal model's text goes on; a target has positions of its own."""
        apart = registry.tasks()[task].literals["HEAD"] == "AutoModelForSeq2SeqLM"
        most = POSITIONS - (1 if apart else 16)
        for new_tokens in (most, most + 1):
            given = subject(corpus, arm, task, new_tokens=new_tokens)
            limit = given.arm.max_length(given.config)
            if limit is None or new_tokens == most:
                decode.refuse(given.cell, given.task.HEAD, limit)
                continue
            with pytest.raises(Unsupported, match=f"{new_tokens} new tokens are beyond the 96"):
                decode.refuse(given.cell, given.task.HEAD, limit)

    def test_every_position_can_be_used(self, corpus):
        timed = measurement(corpus, "transformer", "language", new_tokens=POSITIONS - 16)
        assert timed.gate_tokens == 32


class TestPasses:
    """Decoding without ``generate``; from a graph it is tested on a device that has them."""

    @pytest.mark.parametrize("rows", [1, 3])
    def test_they_write_what_generate_writes(self, corpus, arm, rows):
        given = subject(corpus, arm, "language")
        model, new_tokens = given.build().eval(), 8
        model.generation_config = decode.greedy(model)
        first, second = (b["input_ids"] for b in given.batches(2, rows))
        passes = Passes(model, first, new_tokens, graph=False)
        for prompt in (first, second):  # nothing is left of the text before
            assert (
                written(passes, prompt, new_tokens)
                == decode.generate(model, prompt, new_tokens)[:, prompt.shape[1] :].tolist()
            )

    def test_are_timed_and_gated(self, corpus, arm):
        timed = measurement(corpus, arm, "language", phase="decode_passes", batch_size=2)
        timed.round()
        timed.round()
        result = timed.result()
        assert len(result.samples["seconds"]) == len(result.samples["first_token_seconds"]) == 2
        assert len(result.samples["position_seconds"]) == 5
        assert 0 <= result.metrics["gate_error"] <= 1e-4
        assert result.metrics["state_bytes"] == result.metrics["state_end_bytes"] > 0

    def test_keep_room_for_all_that_is_written(self, corpus):
        """Two layers of keys and values, 64 wide, of 16 tokens and 6 new ones, in float32."""
        timed = measurement(corpus, "transformer", "language", phase="decode_passes")
        assert timed.state_bytes == [2 * 2 * 64 * (16 + 6) * 4] * 2

    def test_with_wrong_numbers_are_refused(self, corpus):
        given = subject(corpus, "gru", "language")
        model = given.build().eval()
        prompt = given.batches(1, 1)[0]["input_ids"]
        passes = Passes(model, prompt, 6, graph=False)
        passes.next = lambda: None  # the state stands still
        with pytest.raises(Invalid, match="differs from decoding without"):
            decode.check_passes(passes, model, prompt, 6, 1e-4)

    @pytest.mark.parametrize(
        ("changes", "why"),
        [
            ({"phase": "decode_graph"}, "CUDA graphs are of CUDA devices. Got cpu"),
            ({"phase": "decode_passes", "task": "docstring"}, "a causal language model's"),
            ({"phase": "decode_passes", "dtype": "bfloat16"}, "use pure_bfloat16"),
        ],
    )
    def test_what_cannot_be_bare_says_so(self, corpus, changes, why):
        given = subject(corpus, "lstm", **{"task": "language"} | changes)
        with pytest.raises(Unsupported, match=why):
            decode.refuse(given.cell, given.head, None)


def written(passes, prompt, new_tokens):
    """Rows of the tokens that bare passes write after a prompt."""
    passes.forget()
    passes.read(prompt)
    tokens = [passes.token.clone()]
    for _ in range(new_tokens - 1):
        passes.next()
        tokens.append(passes.token.clone())
    return torch.cat(tokens, dim=1).tolist()


@pytest.mark.gpu
@pytest.mark.skipif(ACCELERATOR != "cuda", reason="no CUDA device on this machine")
@pytest.mark.parametrize("dtype", ["float32", "pure_bfloat16"])
def test_a_graph_writes_what_its_passes_write(corpus, arm, dtype):
    given = subject(corpus, arm, "language", device="cuda", dtype=dtype)
    model, new_tokens = given.build().eval(), 16
    first, second = (b["input_ids"] for b in given.batches(2, 2))
    graph = Passes(model, first, new_tokens, graph=True)
    bare = Passes(model, first, new_tokens, graph=False)
    for prompt in (second, first):
        assert written(graph, prompt, new_tokens) == written(bare, prompt, new_tokens)
    timed = measurement(
        corpus, arm, "language", device="cuda", dtype=dtype, phase="decode_graph", new_tokens=40
    )
    timed.round()
    assert timed.gate_tokens == 32


@pytest.mark.gpu
@pytest.mark.skipif(ACCELERATOR is None, reason="no accelerator on this machine")
def test_on_the_accelerator(corpus, arm, task):
    timed = measurement(corpus, arm, task, device=ACCELERATOR)
    timed.round()
    timed.round()
    assert min(timed.result().samples["seconds"]) > 0
