"""The image-text task: which images, how they grow, and that a processor would make the same."""

import ast
import hashlib
from pathlib import Path

import numpy as np
import pytest

from bench import tasks
from bench.data import digits as images
from bench.tasks import LengthError, digits


@pytest.fixture(scope="module")
def data():
    return tasks.open_data("digits", "offline", "")


def drawn(data, length=64, count=40, split="train", seed=0, first=0):
    return tasks.draw("digits", data, split, length, count, seed, first)


def said(data, rows):
    """The digits that captions name."""
    return [data.captions.tolist().index(ids.tolist()) for ids in rows["input_ids"]]


def test_images_are_scikit_learns_and_known_by_their_hash(data):
    from sklearn.datasets import load_digits

    raw = load_digits()
    pixels = raw.images.astype(np.uint8).tobytes() + raw.target.astype(np.uint8).tobytes()
    assert images.identity() == data.hash == hashlib.sha256(pixels).hexdigest()


def test_other_images_are_refused_by_name(monkeypatch):
    monkeypatch.setattr(images, "SHA256", "0" * 64)
    with pytest.raises(images.DigitsError, match=r"SHA-256 0000.*Got 87ff"):
        images.identity()


def test_no_image_is_in_two_splits_or_twice_and_shares_are_kept(data):
    kept = [image.tobytes() for image in data.images]
    assert len(set(kept)) == len(kept)
    for split, share in images.SHARES.items():
        here = data.split == split
        assert here.mean() == pytest.approx(share / 100, abs=0.02)
        assert set(data.labels[here]) == set(range(10))


@pytest.mark.parametrize("length", [64, 256, 1024, 4096])
def test_rows_are_squares_of_normalised_pixels(length, data):
    rows = drawn(data, length, 12)
    side = int(length**0.5)
    assert rows["pixel_values"].shape == (12, 1, side, side)
    assert rows["pixel_values"].dtype == np.float32
    assert -1 <= rows["pixel_values"].min() < -0.9
    assert 0.8 < rows["pixel_values"].max() <= 1
    assert rows["input_ids"].shape == rows["attention_mask"].shape == (12, digits.QUERY_LENGTH)


@pytest.mark.parametrize("length", [16, 63, 65, 144, 2048, 16384])
def test_other_lengths_name_the_valid_ones(length, data):
    with pytest.raises(LengthError, match=r"64, 256, 1024, 4096, its longest is 4096"):
        drawn(data, length, 1)


def test_ten_rows_hold_every_digit_and_images_are_of_their_digit_and_split(data):
    for split in tasks.SPLITS:
        rows = drawn(data, split=split, count=300)
        labels = said(data, rows)
        assert all(sorted(labels[n : n + 10]) == list(range(10)) for n in range(0, 300, 10))
        assert labels[:10] != labels[10:20]
        known = {
            (image.astype(np.float32) / 8 - 1).tobytes(): label
            for image, label in zip(
                data.images[data.split == split], data.labels[data.split == split], strict=True
            )
        }
        assert [known[image.tobytes()] for image in rows["pixel_values"]] == labels


def test_an_image_comes_again_only_after_the_others_of_its_digit(data):
    rows = drawn(data, count=1000)
    labels = np.array(said(data, rows))
    for digit in range(10):
        images = [image.tobytes() for image in rows["pixel_values"][labels == digit]]
        assert len(images) == 100 < (data.labels[data.split == "train"] == digit).sum()
        assert len(set(images)) == len(images)


def test_rows_do_not_depend_on_what_is_drawn_beside_them(data):
    many = drawn(data, count=60)
    for count, first in ((1, 0), (7, 0), (23, 20)):
        some = drawn(data, count=count, first=first)
        for name in many:
            assert np.array_equal(some[name], many[name][first : first + count])
    assert not np.array_equal(drawn(data, seed=1)["pixel_values"], many["pixel_values"][:40])


def test_enlarging_keeps_what_is_seen(data):
    images = data.images[:20]
    small = digits.enlarge(images, 8)
    for side in (16, 32, 64):
        large = digits.enlarge(images, side)
        step = side // 8
        means = large.reshape(20, 8, step, 8, step).mean(axis=(2, 4))
        seen = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(means, small, strict=True)]
        assert min(seen) > 0.95


def test_row_of_the_docstring_is_true(data):
    rows = drawn(data, count=1)
    document = ast.get_docstring(ast.parse(Path(digits.__file__).read_text()))
    lines = [line.split() for line in document.splitlines() if line.startswith("    ")]
    assert lines[0] == ["input_ids", *data.symbols(rows["input_ids"][0])]
    assert lines[1][0] == "pixel_values"
    pixels = rows["pixel_values"][0, 0]
    assert [lines[1][1:], *lines[2:]] == [[f"{pixel:g}" for pixel in line] for line in pixels]


def test_a_processor_makes_the_same_of_image_and_caption(data):
    """Captions to the id; pixels to the rounding of the 8-bit images that a processor takes."""
    from transformers import CLIPImageProcessorPil, CLIPProcessor, PreTrainedTokenizerFast

    from models.checkpoints import MINILM

    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(MINILM.verify("tokenizer.json") / "tokenizer.json"),
        pad_token="[PAD]",
    )
    side = 32
    processor = CLIPProcessor(
        CLIPImageProcessorPil(
            size={"height": side, "width": side},
            resample=2,  # bilinear
            do_center_crop=False,
            image_mean=[digits.MEAN] * 3,
            image_std=[digits.STD] * 3,
        ),
        tokenizer,
    )
    scale = 15  # 16 levels of ink in 8 bits, exactly
    rows = drawn(data, side * side, 10)
    where = {image.tobytes(): n for n, image in enumerate(digits.enlarge(data.images, side))}
    places = [where[image.tobytes()] for image in rows["pixel_values"]]
    made = processor(
        text=[digits.CAPTIONS[digit] for digit in said(data, rows)],
        images=[np.repeat(data.images[n][..., None] * scale, 3, axis=2) for n in places],
        padding="max_length",
        max_length=digits.QUERY_LENGTH,
        truncation=True,
        return_tensors="np",
    )
    assert np.array_equal(made["input_ids"], rows["input_ids"])
    assert np.array_equal(made["attention_mask"], rows["attention_mask"])
    # The brightest pixel is 240 of 255 there, and 16 of 16 here.
    ours = (rows["pixel_values"] + 1) * (16 * scale / 255) - 1
    assert made["pixel_values"][:, :1] == pytest.approx(ours, abs=2 / 255)
