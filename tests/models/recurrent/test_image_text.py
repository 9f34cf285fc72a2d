"""Two towers with what ``AutoProcessor`` makes of real digits and their names."""

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits
from torch import nn
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForZeroShotImageClassification,
    AutoProcessor,
    AutoTokenizer,
    CLIPImageProcessorPil,
    CLIPProcessor,
    pipeline,
)

from models import RecurrentClipConfig, RecurrentClipModel
from models.checkpoints import MINILM
from tests.models.recurrent.small import CELLS, assert_same_gradients, gradients

# The processor's own default, with which it asks for a length and for none.
pytestmark = pytest.mark.filterwarnings("ignore:`max_length` is ignored when:UserWarning")

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SIDE = 16


def build(cell_type="lstm", seed=0, **changes):
    tower = {"cell_type": cell_type, "hidden_size": 16, "num_layers": 1, **changes}
    config = RecurrentClipConfig(
        text_config={"vocab_size": 30522, "embedding_size": 16} | tower,
        vision_config={"embedding_size": 16, "image_size": SIDE, "patch_size": 4} | tower,
        projection_dim=8,
    )
    torch.manual_seed(seed)
    return AutoModel.from_config(config).eval()


@pytest.fixture(scope="module")
def processor(tmp_path_factory):
    """A processor saved as a checkpoint's would be, and loaded by ``AutoProcessor``."""
    folder = tmp_path_factory.mktemp("processor")
    size = {"height": SIDE, "width": SIDE}
    CLIPProcessor(
        CLIPImageProcessorPil(size={"shortest_edge": SIDE}, crop_size=size),
        AutoTokenizer.from_pretrained(MINILM.path(), local_files_only=True),
    ).save_pretrained(folder)
    return AutoProcessor.from_pretrained(folder, local_files_only=True)


@pytest.fixture(scope="module")
def digits():
    """Eight-by-eight scans of handwriting, as pictures, and what they show."""
    data = load_digits()
    pixels = (data.images[:200] * 15.9).astype(np.uint8)
    pictures = [Image.fromarray(image).resize((SIDE, SIDE)).convert("RGB") for image in pixels]
    return pictures, data.target[:200]


@pytest.fixture(scope="module")
def ten(processor, digits):
    """The first ten pictures, one of each digit, with their captions."""
    pictures, labels = digits
    captions = [f"a handwritten {NAMES[label]}" for label in labels[:10]]
    return processor(text=captions, images=pictures[:10], return_tensors="pt", padding=True)


@pytest.mark.parametrize("cell_type", CELLS)
class TestEveryCell:
    def test_saved_and_loaded_is_bitwise_equal(self, cell_type, ten, tmp_path):
        model = build(cell_type)
        model.save_pretrained(tmp_path)
        expected = model(**ten, return_loss=True)
        for auto_class in (AutoModel, AutoModelForZeroShotImageClassification):
            loaded, report = auto_class.from_pretrained(tmp_path, output_loading_info=True)
            assert type(loaded) is RecurrentClipModel
            assert not any(report.values()), report
            for ours, theirs in zip(
                loaded(**ten, return_loss=True).values(), expected.values(), strict=True
            ):
                assert torch.equal(ours, theirs)

    def test_a_tower_saved_by_itself(self, cell_type, ten, tmp_path):
        tower = build(cell_type).vision_model
        tower.save_pretrained(tmp_path)
        assert AutoConfig.from_pretrained(tmp_path).patch_size == 4
        loaded, report = AutoModel.from_pretrained(tmp_path, output_loading_info=True)
        assert type(loaded) is type(tower)
        assert not any(report.values()), report
        pixels = ten["pixel_values"]
        assert torch.equal(loaded(pixels).pooler_output, tower(pixels).pooler_output)

    def test_loss_is_symmetric_and_contrastive(self, cell_type, ten):
        output = build(cell_type)(**ten, return_loss=True)
        torch.testing.assert_close(output.image_embeds.norm(dim=-1), torch.ones(10))
        similarity = output.text_embeds @ output.image_embeds.t() / 0.07
        torch.testing.assert_close(output.logits_per_text, similarity, rtol=1e-4, atol=1e-4)
        assert torch.equal(output.logits_per_image, output.logits_per_text.t())
        own = torch.arange(10)
        both = [nn.functional.cross_entropy(s, own) for s in (similarity, similarity.t())]
        torch.testing.assert_close(output.loss, sum(both) / 2, rtol=1e-4, atol=1e-4)

    def test_captions_beside_longer_ones(self, cell_type, ten, processor):
        model = build(cell_type, bidirectional=True)
        caption = processor(text="a handwritten one " + "indeed " * 5, return_tensors="pt")
        both = processor(
            text=["a handwritten one " + "indeed " * 5, "a one"], return_tensors="pt", padding=True
        )
        alone = processor(text="a one", return_tensors="pt")
        parts = [
            model.get_text_features(r["input_ids"], r["attention_mask"]) for r in (caption, alone)
        ]
        together = model.get_text_features(both["input_ids"], both["attention_mask"])
        torch.testing.assert_close(together, torch.cat(parts), rtol=1e-6, atol=1e-6)

    def test_kernels_agree(self, cell_type, ten):
        model = build(cell_type, bidirectional=True)
        outcomes = []
        for kernel in ("fused", "loop"):
            model.set_kernel(kernel)
            assert model.text_model.config.kernel == model.vision_model.config.kernel == kernel
            model.zero_grad()
            loss = model(**ten, return_loss=True).loss
            loss.backward()
            outcomes.append((loss.detach(), gradients(model)))
        torch.testing.assert_close(outcomes[0][0], outcomes[1][0])
        assert_same_gradients(outcomes[0][1], outcomes[1][1], rtol=1e-4, atol=1e-5)

    def test_a_kernel_is_one_models_alone(self, cell_type):
        model = build(cell_type)
        other = AutoModel.from_config(model.config)
        model.set_kernel("loop")
        assert {part.kernel for part in model.config.towers} == {"loop"}
        assert {part.kernel for part in other.config.towers} == {"fused"}

    def test_learns_which_caption_is_whose(self, cell_type, processor, digits):
        """Zero-shot accuracy over ten captions, where guessing scores a tenth."""
        model, (pictures, labels) = build(cell_type).train(), digits
        captions = processor(
            text=[f"a handwritten {name}" for name in NAMES], return_tensors="pt", padding=True
        )
        pixels = processor(images=pictures, return_tensors="pt")["pixel_values"]
        targets = torch.as_tensor(labels)
        optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
        generator = torch.Generator().manual_seed(0)
        for _ in range(120):
            rows = torch.randperm(150, generator=generator)
            chosen = torch.stack([rows[targets[rows] == label][0] for label in range(10)])
            optimizer.zero_grad()
            model(**captions, pixel_values=pixels[chosen], return_loss=True).loss.backward()
            optimizer.step()
        with torch.inference_mode():
            found = model.eval()(**captions, pixel_values=pixels[150:]).logits_per_image.argmax(-1)
        assert (found == targets[150:]).float().mean() > 0.3


def test_zero_shot_pipeline(processor, digits):
    model = build()
    run = pipeline(
        "zero-shot-image-classification",
        model,
        tokenizer=processor.tokenizer,
        image_processor=processor.image_processor,
        device="cpu",
    )
    answers = run(digits[0][0], candidate_labels=list(NAMES), hypothesis_template="a written {}")
    assert {answer["label"] for answer in answers} == set(NAMES)
    assert sum(answer["score"] for answer in answers) == pytest.approx(1)
    inputs = processor(
        text=[f"a written {name}" for name in NAMES], images=digits[0][0], return_tensors="pt",
        padding=True,
    )  # fmt: skip
    expected = model(**inputs).logits_per_image.softmax(-1).max().item()
    assert answers[0]["score"] == pytest.approx(expected, abs=1e-5)


def test_patches_are_read_row_by_row():
    """The first step sees the top left corner: a change there reaches every position."""
    model = build("rnn")
    pixels = torch.zeros(1, 3, SIDE, SIDE)
    before = model.vision_model(pixels).last_hidden_state[0]
    assert before.shape == (16, 16)
    for patch in (0, 6, 15):
        changed = pixels.clone()
        row, column = divmod(patch, 4)
        changed[:, :, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4] = 1
        after = model.vision_model(changed).last_hidden_state[0]
        moved = (after != before).any(dim=-1).nonzero().flatten().tolist()
        assert moved[0] == patch


def test_mistakes(ten):
    model = build()
    with pytest.raises(ValueError, match=r"Expected pixel_values beside the captions. Got none"):
        model(ten["input_ids"])
    with pytest.raises(ValueError, match=r"size\)=\(10, 3, 16, 16\)\. Got \(10, 3, 16, 8\)"):
        model(ten["input_ids"], ten["pixel_values"][..., :8])
    with pytest.raises(ValueError, match=r"as many captions as images. Got 9 and 10"):
        model(ten["input_ids"][:9], ten["pixel_values"], return_loss=True)
    with pytest.raises(ValueError, match=r"input_ids and inputs_embeds. Got neither"):
        model(pixel_values=ten["pixel_values"])
    with pytest.raises(ValueError, match=r"patch_size <= image_size. Got 3, 32, 16"):
        RecurrentClipConfig(vision_config={"image_size": 16})
    with pytest.raises(ValueError, match=r"projection_dim must be at least 1. Got 0"):
        RecurrentClipConfig(projection_dim=0)
    with pytest.raises(ValueError, match=r"text_config must be a RecurrentConfig. Got RecurrentC"):
        RecurrentClipConfig(text_config=RecurrentClipConfig())
