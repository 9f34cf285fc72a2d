"""Where a stack's weights lie, which decides what a library does with them."""

import warnings

import pytest
import torch

from .small import CELLS, VOCABULARY, build


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")
@pytest.mark.parametrize("cell_type", CELLS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
def test_weights_lie_in_one_piece_for_cudnn(cell_type, dtype):
    """Else it copies all of them at every call, and says so once."""
    model = build("AutoModel", cell_type, num_layers=2).to("cuda", dtype)
    text = torch.randint(VOCABULARY, (2, 7), device="cuda")
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("error")
        there = model(text).last_hidden_state
    here = model.to("cpu", torch.float32)(text.cpu()).last_hidden_state
    torch.testing.assert_close(there.float().cpu(), here, rtol=0.05, atol=0.05)
    assert torch.bfloat16 not in torch.backends.cudnn.CUDNN_TENSOR_DTYPES
