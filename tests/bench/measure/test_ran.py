"""The kernel that ran, against what each is known to run."""

import pytest
import torch

from bench.measure import ran

from ..probes.subjects import subjects


def told(corpus, arm, **changes):
    of = subjects(corpus, "speed", **changes)[arm]
    return ran.told(of, of.build().train(), of.batches(1, 2)[0])


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="PyTorch without oneDNN")
def test_a_fused_lstm_is_one_call_of_onednn(corpus):
    found = told(corpus, "lstm", kernel="fused")
    assert found == {"kernel_ran": ["aten::mkldnn_rnn_layer"], "kernel_ran_in_float32": None}


@pytest.mark.skipif(
    not torch.ops.mkldnn._is_mkldnn_bf16_supported(), reason="no bfloat16 on this processor"
)
@pytest.mark.parametrize("dtype", ["bfloat16", "pure_bfloat16"])
def test_bfloat16_is_onednn_s_too_where_it_has_it(corpus, dtype):
    found = told(corpus, "lstm", kernel="fused", dtype=dtype)
    assert found["kernel_ran"] == found["kernel_ran_in_float32"] == ["aten::mkldnn_rnn_layer"]


def test_a_type_without_a_library_kernel_is_told_beside_float32(corpus):
    found = told(corpus, "lstm", kernel="fused", dtype="pure_float16")
    assert found["kernel_ran"] == ["rvt::lstm_scan"]
    assert found["kernel_ran_in_float32"] == told(corpus, "lstm", kernel="fused")["kernel_ran"]


@pytest.mark.parametrize(("arm", "kernel"), [("lstm", "loop"), ("transformer", "eager")])
def test_what_is_written_out_has_no_operator_of_its_own(corpus, arm, kernel):
    assert told(corpus, arm, kernel=kernel)["kernel_ran"] == []


def test_attention_names_its_backend(corpus):
    (name,) = told(corpus, "transformer", kernel="flash")["kernel_ran"]
    assert name.startswith("aten::_scaled_dot_product_flash_attention")


def test_a_backend_by_name_is_not_asked_for_in_float32(corpus):
    """On a GPU flash attention has none, and a cell that was measured was lost for it."""
    assert told(corpus, "transformer", kernel="flash", dtype="bfloat16") == {
        "kernel_ran": ["aten::_scaled_dot_product_flash_attention_for_cpu"],
        "kernel_ran_in_float32": None,
    }


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")
@pytest.mark.parametrize("kernel", ["flash", "efficient", "math", "sdpa", "eager"])
def test_every_attention_is_told_on_cuda(corpus, kernel):
    found = told(
        corpus, "transformer", kernel=kernel, task="language", device="cuda", dtype="bfloat16"
    )
    assert (found["kernel_ran_in_float32"] is None) == (kernel not in ("sdpa", "eager"))
    assert [name for name in found["kernel_ran"] if kernel in name] or kernel in ("sdpa", "eager")
