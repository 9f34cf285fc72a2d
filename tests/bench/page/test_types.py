"""What pages say of half types, from records."""

from bench.frames.columns import where
from bench.page import types
from bench.page.evidence import Evidence
from bench.store.records import as_now, kernel


def record(dtype="pure_bfloat16", arm="lstm", share=0.105, **metrics):
    return {
        "key": arm,
        "status": "done",
        "cell": {
            "probe": "speed", "comparison": "scratch", "task": "package", "length": 64, "arm": arm,
            "kernel": "fused", "device": "cpu", "dtype": dtype, "denormals": "keep", "threads": 1,
            "seed": 0, "axes": {"phase": "training"}, "protocol": {"batch_size": 4}, "model": {},
        },
        "model": {"weights": "bfloat16"},
        "metrics": {"measured_steps": 20, "changed_share": [["embeddings", share]]} | metrics,
        "samples": {},
    }  # fmt: skip


def test_what_a_half_type_left_is_said_beside_its_speed():
    evidence = Evidence([record(), record(arm="transformer", share=0.997)])
    (line,) = types.moved(evidence, "speed")
    assert "10.5% of an LSTM's in 20 steps, 99.7% of a transformer's in 20 steps (scratch" in line
    assert "pure_bfloat16" in line
    assert len(line.partition(" (scratch")[0].split()) <= 35
    assert types.moved(evidence, "learning") == []


def test_nothing_is_said_of_float32():
    of = record("float32")
    of["metrics"]["changed_share"] = None
    assert types.moved(Evidence([of]), "speed") == []


def test_a_kernel_is_named_by_what_ran_where_its_name_misleads():
    ran = {"kernel_ran": ["rvt::lstm_scan"], "kernel_ran_in_float32": ["aten::mkldnn_rnn_layer"]}
    assert kernel(record(**ran)) == where(record(**ran))["kernel"] == "fused (rvt::lstm_scan)"
    same = {"kernel_ran": ["rvt::gru_scan"], "kernel_ran_in_float32": ["rvt::gru_scan"]}
    assert kernel(record(**same)) == kernel(record()) == "fused"
    nothing = {"kernel_ran": [], "kernel_ran_in_float32": ["aten::mkldnn_rnn_layer"]}
    assert kernel(record(**nothing)) == "fused (written out)"


def test_half_types_of_before_were_pure():
    before = record("bfloat16")
    del before["model"]["weights"]
    assert as_now(before)["cell"]["dtype"] == "pure_bfloat16"
    assert before["cell"]["dtype"] == "bfloat16", "the record itself stays"
    for now in (record("bfloat16"), record("float32"), record()):
        assert as_now(now) is now
