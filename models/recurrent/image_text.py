"""Two recurrent towers over images and captions, for the inputs that ``AutoProcessor`` makes."""

from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers.utils.generic import ModelOutput, can_return_tuple

from models.recurrent.configuration import RecurrentClipConfig, RecurrentVisionConfig
from models.recurrent.inputs import expect_shape
from models.recurrent.modeling import (
    RecurrentModel,
    RecurrentModelOutput,
    RecurrentPreTrainedModel,
    build_stack,
    encode,
)


@dataclass
class RecurrentClipOutput(ModelOutput):
    """What the two towers say of each other; the names are CLIP's.

    Args:
        loss: symmetric contrastive loss, where asked for.
        logits_per_image: (images, texts) scaled cosine similarities; ``logits_per_text`` is its
            transpose.
        text_embeds, image_embeds: (texts or images, projection_dim), of length one.
    """

    loss: Tensor | None = None
    logits_per_image: Tensor | None = None
    logits_per_text: Tensor | None = None
    text_embeds: Tensor | None = None
    image_embeds: Tensor | None = None


class RecurrentVisionModel(RecurrentPreTrainedModel):
    """Reads an image as a sequence of patches, row by row."""

    config_class = RecurrentVisionConfig
    config: RecurrentVisionConfig
    main_input_name = "pixel_values"

    def __init__(self, config: RecurrentVisionConfig, *, part: bool = False) -> None:
        super().__init__(config, part=part)
        self.patch_embedding = nn.Conv2d(
            config.num_channels, config.embedding_size, config.patch_size, config.patch_size
        )
        self.layers = build_stack(config, config.embedding_size, bidirectional=config.bidirectional)
        self.post_init()

    @can_return_tuple
    def forward(self, pixel_values: Tensor, **kwargs: Any) -> RecurrentModelOutput:
        """Encode (images, channels, size, size) pixels.

        Raises:
            ValueError: images of another shape.
        """
        config = self.config
        expect_shape(
            "pixel_values",
            pixel_values,
            "(images, channels, size, size)",
            (len(pixel_values), config.num_channels, config.image_size, config.image_size),
        )
        patches = self.patch_embedding(pixel_values).flatten(2).transpose(1, 2)
        return encode(self.layers, config, patches)


class RecurrentClipModel(RecurrentPreTrainedModel):
    """A text and an image tower trained to agree, as CLIP's (Radford et al., 2021)."""

    config_class = RecurrentClipConfig  # type: ignore[assignment]  # two configurations in one

    def __init__(self, config: RecurrentClipConfig) -> None:
        super().__init__(config)
        text, vision = cast("RecurrentClipConfig", self.config).towers
        self.text_model = RecurrentModel(text, part=True)
        self.vision_model = RecurrentVisionModel(vision, part=True)
        self.text_projection = nn.Linear(text.output_size, config.projection_dim, bias=False)
        self.visual_projection = nn.Linear(vision.output_size, config.projection_dim, bias=False)
        self.logit_scale = nn.Parameter(torch.tensor(config.logit_scale_init_value))
        self.post_init()

    def get_input_embeddings(self) -> nn.Embedding:
        return self.text_model.get_input_embeddings()

    def set_input_embeddings(self, value: nn.Module) -> None:
        self.text_model.set_input_embeddings(value)

    def get_text_features(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
    ) -> Tensor:
        """(texts, projection_dim) projected captions; the arguments are ``RecurrentModel``'s."""
        outputs = self.text_model(input_ids, attention_mask, inputs_embeds)
        features: Tensor = self.text_projection(outputs.pooler_output)
        return features

    def get_image_features(self, pixel_values: Tensor) -> Tensor:
        """(images, projection_dim) projected images."""
        features: Tensor = self.visual_projection(self.vision_model(pixel_values).pooler_output)
        return features

    @can_return_tuple
    def forward(
        self,
        input_ids: Tensor | None = None,
        pixel_values: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        return_loss: bool | None = None,
        **kwargs: Any,
    ) -> RecurrentClipOutput:
        """Compare every image with every caption.

        Args:
            input_ids, attention_mask, inputs_embeds: captions, as in ``RecurrentModel.forward``.
            pixel_values: (images, channels, size, size).
            return_loss: whether row i of one belongs to row i of the other and is to be learnt.

        Raises:
            ValueError: no images, or a loss over different numbers of images and captions.
        """
        if pixel_values is None:
            raise ValueError("Expected pixel_values beside the captions. Got none.")
        image = nn.functional.normalize(self.get_image_features(pixel_values), dim=-1)
        text = nn.functional.normalize(
            self.get_text_features(input_ids, attention_mask, inputs_embeds), dim=-1
        )
        logits = self.logit_scale.exp() * text @ image.t()
        loss = None
        if return_loss:
            if len(text) != len(image):
                raise ValueError(
                    f"A loss needs as many captions as images. Got {len(text)} and {len(image)}."
                )
            own = torch.arange(len(text), device=logits.device)
            loss = nn.functional.cross_entropy(torch.cat([logits, logits.t()]), own.repeat(2))
        return RecurrentClipOutput(loss, logits.t(), logits, text, image)
