"""The study of a GPU, run on the CPU at small sizes: by the same code, all but what is CUDA's."""

import re

from bench import registry
from bench.outcome import MEASURED
from bench.store import Store

SMALLER = {
    r"hidden_size = \d+": "hidden_size = 128",
    r"multiple_of = \d+": "multiple_of = 1",
    r"num_heads = \d+": "num_heads = 2",
    r'device = "cuda"': 'device = "cpu"',
    r"tokens_per_step = \d+": "tokens_per_step = 64",
    r"new_tokens = \d+": "new_tokens = 4",
    r"length = \[.*\]": "length = [32]",
    r"length = \d+": "length = 32",
    r"budget_s = .*": "budget_s = 0.1\nrounds = 2",
}


def test_the_study_of_a_gpu_runs_small_on_the_cpu(rvt, tmp_path):
    text = registry.studies()["accelerator"].read_text()
    for pattern, value in SMALLER.items():
        assert re.search(pattern, text), pattern
        text = re.sub(pattern, value, text)
    (tmp_path / "small.toml").write_text(text)
    done = rvt("run", "small.toml", "--output", "records", cwd=tmp_path)
    with Store(tmp_path / "records" / "small") as store:
        records = store.records()
    assert len(records) > 30, done.out + done.err
    refused = [r for r in records if r["status"] not in MEASURED]
    assert {_cuda(record) for record in refused} == {"tf32", "decode_graph", "efficient"}


def _cuda(record):
    """What of a refused cell only a CUDA device has."""
    cell = record["cell"]
    assert record["status"] == "unsupported", record["reason"]
    has = (cell["dtype"], cell["axes"].get("phase"), cell["kernel"])
    return next(name for name in has if name in ("tf32", "decode_graph", "efficient"))
