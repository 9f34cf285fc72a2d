"""What is timed of a step: its warm-up, its blocks, and phases that a head has not."""

import pytest

from bench import registry
from bench.measure import objective, parts
from bench.outcome import Unsupported
from bench.probes.speed import measure as speed

from ....clock import Clock
from ..subjects import ARMS, subjects

PHASES = registry.probes()["speed"].literals["AXES"]["phase"]["default"]


@pytest.fixture(params=ARMS)
def arm(request):
    return request.param


@pytest.mark.parametrize("phase", ["training", "forward"])
def test_a_sample_a_round(corpus, arm, phase):
    subject = subjects(corpus, "speed", axes={"phase": phase})[arm]
    measurement = speed.Measurement(subject, lambda share: None)
    for _ in range(4):
        measurement.round()
    result = measurement.result()
    seconds = result.samples["seconds"]
    assert len(seconds) == 4
    assert min(seconds) > 0
    protocol = subject.cell.protocol
    assert result.metrics["tokens_per_step"] == protocol["batch_size"] * subject.cell.length
    assert len(result.samples["warmup_seconds"]) >= 2
    assert result.metrics["first_step_s"] == result.samples["warmup_seconds"][0]
    assert result.metrics["compile_s"] is None, "nothing was compiled"


@pytest.mark.parametrize(
    ("phase", "parts"),
    [
        ("training", {"forward", "backward", "update", "body", "body_forward", "body_update"}),
        ("forward", {"forward", "body"}),
    ],
)
def test_every_turn_has_parts(corpus, arm, phase, parts):
    subject = subjects(corpus, "speed", axes={"phase": phase})[arm]
    measurement = speed.Measurement(subject, lambda share: None)
    for _ in range(6):
        measurement.round()
    samples = measurement.result().samples
    found = samples.keys() - {"seconds", "warmup_seconds"}
    assert found == {f"{name}_seconds" for name in parts}
    assert found <= set(registry.probes()["speed"].literals["PARTS"].values())
    for name in found:
        assert len(samples[name]) == len(samples["seconds"]) == 6
        assert min(samples[name]) > 0


def test_a_prefill_is_a_language_models(corpus, arm):
    subject = subjects(corpus, "speed", axes={"phase": "prefill"})[arm]
    with pytest.raises(Unsupported, match=r"prefill is a language model's; .*Classification"):
        speed.refuse(subject.cell, subject.task.HEAD, None)


def test_a_prefill_keeps_what_decoding_goes_on_from(corpus, arm):
    subject = subjects(corpus, "speed", axes={"phase": "prefill"}, task="language")[arm]
    model, batch = subject.build().eval(), subject.batches(1, 2)[0]
    outputs = objective.prefill(model, subject.task.HEAD)(batch)
    assert outputs.logits.shape[:2] == (2, 1), "of the last position only"
    assert outputs.past_key_values.get_seq_length() == subject.cell.length
    speed.refuse(subject.cell, subject.task.HEAD, None)
    measurement = speed.Measurement(subject, lambda share: None)
    measurement.round()
    assert measurement.result().samples["seconds"]


def test_a_slow_first_step_is_followed_by_another(corpus, monkeypatch):
    """A minute of compiling ends the warm-up, but not before there is a step to go by."""
    monkeypatch.setattr(speed, "_MOST_WARMUP_S", 1e-9)
    measurement = speed.Measurement(subjects(corpus, "speed")[ARMS[0]], lambda share: None)
    assert len(measurement.warmup) == 2


@pytest.mark.parametrize(
    ("seconds", "settled"),
    [
        ([], True),
        ([1.0], True),
        ([1.0, 1.05], True),
        ([1.0, 0.8], False),
        ([9.0] * 5 + [1.0] * 5, False),
        ([9.0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1], True),
        ([1.0, 1, 1, 1, 1, 1, 1, 5, 1, 1], True),
    ],
)
def test_warm_up_ends_when_two_medians_agree(seconds, settled):
    assert speed._settled(seconds) is settled


@pytest.mark.parametrize(
    ("step_s", "block_steps", "uncounted"), [(0.003, 7, 1), (0.02, 1, 1), (0.2, 1, 0)]
)
def test_short_steps_are_timed_many_at_once(corpus, monkeypatch, step_s, block_steps, uncounted):
    """Real steps, on a clock on which each takes as long; a block is of 20 ms."""
    clock, function, steps = Clock(), speed._function, []

    class AsLong(parts.Training):
        def __call__(self, batch):
            clock.pass_by(step_s)
            steps.append(batch)
            super().__call__(batch)

        def apart(self, batch, laps):
            steps.append(batch)

    def as_long(phase, subject, model):
        return AsLong(function(phase, subject, model).steps)

    monkeypatch.setattr(speed, "time", clock)
    monkeypatch.setattr(speed, "_function", as_long)
    subject = subjects(corpus, "speed")[ARMS[0]]
    assert subject.cell.protocol["block_ms"] == 20
    measurement = speed.Measurement(subject, lambda share: None)
    assert measurement.warmup == pytest.approx([step_s] * 2)
    steps.clear()
    measurement.round()
    measurement.round()
    assert measurement.block_steps == block_steps
    assert len(steps) == 2 * (uncounted + 2 * block_steps), "a block of the step, one of parts"
    assert measurement.result().samples["seconds"] == pytest.approx([step_s] * 2)
