"""The head behind ``AutoModelForSeq2SeqLM``: an encoder and a decoder, attention optional."""

import copy
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers.loss.loss_utils import ForMaskedLMLoss
from transformers.modeling_outputs import Seq2SeqLMOutput
from transformers.utils.generic import ModelOutput, can_return_tuple

from models import seams
from models.recurrent import cells
from models.recurrent.attention import AdditiveAttention
from models.recurrent.causal_lm import RecurrentGenerationMixin
from models.recurrent.configuration import RecurrentConfig
from models.recurrent.execution import Run, cell_of, layer_weights, run
from models.recurrent.inputs import embed, expect_embeds, expect_shape, tensors_of
from models.recurrent.modeling import (
    RecurrentModel,
    RecurrentModelOutput,
    RecurrentPreTrainedModel,
    build_stack,
    pool,
)
from models.recurrent.padding import Padding, read_mask, tokens_first
from models.recurrent.state import RecurrentState
from models.recurrent.trace import keep_padding, keep_trace


class RecurrentForSeq2SeqLM(RecurrentPreTrainedModel, RecurrentGenerationMixin):
    """An encoder that reads the source, and a decoder that writes the target.

    The decoder starts from a projection of the encoder's summary. With ``attention`` every step
    also reads the source: its context, found from the top layer's last state, enters the next
    state beside the token, so that the steps of training cannot run in one kernel.

    ``is_encoder_decoder`` is set, and ``decoder_start_token_id`` where it is missing: the beginning
    of a sentence, else padding.

    Raises:
        ValueError: there is no token for the decoder to start from.
    """

    _tied_weights_keys = {"lm_head.weight": "recurrent.embeddings.weight"}  # noqa: RUF012  # theirs

    def __init__(self, config: RecurrentConfig) -> None:
        config = copy.copy(config)  # the changes are this model's alone
        config.is_encoder_decoder = True
        if config.decoder_start_token_id is None:
            start = config.pad_token_id if config.bos_token_id is None else config.bos_token_id
            config.decoder_start_token_id = start
        if config.decoder_start_token_id is None:
            raise ValueError(
                "Expected decoder_start_token_id, bos_token_id or pad_token_id. Got none of them."
            )
        super().__init__(config)
        config = self.config
        size, source, embedding = config.hidden_size, config.output_size, config.embedding_size
        states = 2 if config.cell_type == "lstm" else 1
        # The encoder, under the name of every body.
        self.recurrent = RecurrentModel(config, part=True)
        self.bridge = nn.Linear(source, states * config.num_layers * size)
        context = source if config.attention else 0
        self.attention = AdditiveAttention(size, source) if config.attention else None
        self.decoder = build_stack(config, embedding + context, bidirectional=False)
        self.dropout = nn.Dropout(config.dropout)
        width = embedding if config.tie_word_embeddings else size
        self.readout: nn.Module = nn.Identity()
        if config.attention:
            self.readout = nn.Sequential(nn.Linear(size + context + embedding, width), nn.Tanh())
        elif width != size:
            self.readout = nn.Linear(size, width)
        self.lm_head = nn.Linear(width, config.vocab_size, bias=False)
        self.post_init()

    def get_input_embeddings(self) -> nn.Embedding:
        return self.recurrent.get_input_embeddings()

    def set_input_embeddings(self, value: nn.Module) -> None:
        self.recurrent.set_input_embeddings(value)

    def get_encoder(self, modality: str | None = None) -> nn.Module:
        return self.recurrent

    def get_output_embeddings(self) -> nn.Module:
        return cast("nn.Module", self.lm_head)

    def set_output_embeddings(self, new_embeddings: nn.Module) -> None:
        self.lm_head = cast("nn.Linear", new_embeddings)

    def prepare_decoder_input_ids_from_labels(
        self, labels: Tensor, decoder_attention_mask: Tensor | None = None
    ) -> Tensor:
        """(batch, length) labels shifted right behind the start token, past any padding."""
        start = cast("int", self.config.decoder_start_token_id)
        filler = start if self.config.pad_token_id is None else self.config.pad_token_id
        shifted = torch.full_like(labels, start)
        if decoder_attention_mask is None:
            shifted[:, 1:] = labels[:, :-1]
        else:
            order = tokens_first(decoder_attention_mask != 0)
            shifted.scatter_(1, order[:, 1:], labels.gather(1, order[:, :-1]))
        return shifted.masked_fill(shifted == -100, filler)

    @can_return_tuple
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        decoder_input_ids: Tensor | None = None,
        decoder_inputs_embeds: Tensor | None = None,
        decoder_attention_mask: Tensor | None = None,
        encoder_outputs: ModelOutput | tuple[Any, ...] | None = None,
        past_key_values: RecurrentState | None = None,
        labels: Tensor | None = None,
        use_cache: bool | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        **kwargs: Any,
    ) -> Seq2SeqLMOutput:
        """Read a source and predict the target's next tokens.

        Args:
            input_ids, attention_mask, inputs_embeds: the source, as in ``RecurrentModel.forward``.
            decoder_input_ids: (batch, target length) what was written so far; or
            decoder_inputs_embeds: its embeddings; or neither, and ``labels`` shifted right.
            decoder_attention_mask: (batch, target length), 1 for a token and 0 for padding,
                wherever it stands; longer by what was read before with ``past_key_values``. At
                padding labels are not looked at.
            encoder_outputs: of an earlier call, instead of the source: anything with a
                ``last_hidden_state``, or a tuple that starts with it. ``attention_mask`` then
                says where its tokens are.
            past_key_values: the decoder's state after earlier tokens.
            labels: (batch, target length) tokens to predict, -100 where there are none.
            use_cache: whether to return the decoder's state; by default as the configuration
                says, and not in training.
            output_attentions: whether to return the weights of the source positions.
            output_hidden_states: whether to return every layer's outputs.

        Returns:
            ``logits`` of shape (batch, target length, vocab_size); ``loss``, ``past_key_values``,
            ``cross_attentions`` (one of (batch, 1, target length, source length)),
            ``encoder_hidden_states`` and ``decoder_hidden_states`` where asked for.

        Raises:
            ValueError: no target, a row of padding only, or inputs that do not fit.
        """
        if output_hidden_states is None:
            output_hidden_states = bool(self.config.output_hidden_states)
        if encoder_outputs is None:
            read: RecurrentModelOutput = self.recurrent(
                input_ids, attention_mask, inputs_embeds, output_hidden_states=output_hidden_states
            )
        else:
            read = self._as_ours(encoder_outputs, attention_mask)
        if labels is not None and decoder_input_ids is None and decoder_inputs_embeds is None:
            shape = tuple(labels.shape)
            expect_shape("decoder_attention_mask", decoder_attention_mask, "(batch, length)", shape)
            decoder_input_ids = self.prepare_decoder_input_ids_from_labels(
                labels, decoder_attention_mask
            )
        source = cast("Tensor", read.last_hidden_state)
        expect_shape("attention_mask", attention_mask, "(batch, length)", tuple(source.shape[:2]))
        embeds = embed(self.get_input_embeddings(), decoder_input_ids, decoder_inputs_embeds)
        expect_embeds(embeds, self.config.embedding_size)
        if len(embeds) != len(source):
            raise ValueError(
                f"Expected as many targets as sources. Got {len(embeds)} and {len(source)}."
            )
        if use_cache is None:
            use_cache = self.config.use_cache and not self.training
        padding = read_mask(
            decoder_attention_mask,
            *embeds.shape[:2],
            continued=past_key_values is not None,
            name="decoder_attention_mask",
        )
        ran, state, weights = self._decode(
            embeds,
            padding,
            read,
            attention_mask,
            past_key_values,
            keep_state=use_cache,
            keep_layers=output_hidden_states,
        )
        logits = self.lm_head(self.readout(self.dropout(ran.hidden)))
        loss = None
        if labels is not None:
            expect_shape("labels", labels, "(batch, length)", tuple(logits.shape[:2]))
            if padding is not None:
                labels = labels.masked_fill(~padding.mask, -100)
            # Theirs for the loss without a shift; in kwargs the Trainer tells the tokens of a step.
            loss = ForMaskedLMLoss(logits, labels, self.config.vocab_size, **kwargs)
        return Seq2SeqLMOutput(
            loss=loss,
            logits=logits,
            past_key_values=state,  # type: ignore[arg-type]  # a state in a cache's place
            decoder_hidden_states=(embeds, *ran.layers) if output_hidden_states else None,
            encoder_last_hidden_state=source,
            encoder_hidden_states=read.hidden_states if output_hidden_states else None,
            cross_attentions=(weights,) if output_attentions and weights is not None else None,
        )

    def _as_ours(
        self, given: ModelOutput | tuple[Any, ...], attention_mask: Tensor | None
    ) -> RecurrentModelOutput:
        """What an encoder returned; a summary that is missing is found in its states."""
        if isinstance(given, RecurrentModelOutput) and given.pooler_output is not None:
            return given
        if isinstance(given, tuple) and given:
            states = next((part for part in given[1:] if isinstance(part, tuple)), None)
            given = RecurrentModelOutput(given[0], hidden_states=states)
        hidden = getattr(given, "last_hidden_state", None)
        if not isinstance(hidden, Tensor):
            raise ValueError(
                "Expected encoder_outputs with a last_hidden_state, or a tuple that starts with "
                f"it. Got {type(given).__name__} without."
            )
        expected = (*hidden.shape[:-1], self.config.output_size)
        expect_shape("last_hidden_state", hidden, "(batch, length, output_size)", expected)
        padding = read_mask(attention_mask, *hidden.shape[:2])
        in_front = hidden if padding is None else padding.to_front(hidden)
        return RecurrentModelOutput(
            hidden,
            pool(in_front, padding, self.recurrent.layers),
            hidden_states=getattr(given, "hidden_states", None),
        )

    def _decode(
        self,
        embeds: Tensor,
        padding: Padding | None,
        source: RecurrentModelOutput,
        attention_mask: Tensor | None,
        past: RecurrentState | None,
        *,
        keep_state: bool,
        keep_layers: bool,
    ) -> tuple[Run, RecurrentState | None, Tensor | None]:
        """What the readout reads in place of ``hidden``, the state, and the attention weights."""
        start = self._start(source) if past is None else tensors_of(past, self.decoder, len(embeds))
        seen = embeds.shape[1] + (0 if past is None else past.seen_tokens)
        x, lengths = embeds, None
        if padding is not None:
            x, lengths = padding.to_front(embeds), padding.lengths
        weights = keys = None
        seams.enter(embeds)
        if self.attention is None:
            ran = run(
                self.decoder,
                self.config.kernel,
                x,
                lengths,
                start,
                keep_state=keep_state,
                keep_layers=keep_layers,
            )
        else:
            memory = cast("Tensor", source.last_hidden_state)
            keys = self.attention.key(memory) if past is None or past.keys is None else past.keys
            mask = None if attention_mask is None else attention_mask != 0
            ran, weights = self._attend(x, lengths, start, keys, memory, mask, keep_layers)
        seams.leave(ran.hidden)
        keep_padding(self.decoder, padding)
        if padding is not None:
            layers = [padding.to_place(layer) for layer in ran.layers]
            ran = Run(padding.to_place(ran.hidden), ran.state, layers)
            weights = None if weights is None else padding.to_place(weights)
        state = RecurrentState(ran.state or (), seen, keys) if keep_state else None
        return ran, state, None if weights is None else weights.unsqueeze(1)

    def _attend(
        self,
        x: Tensor,
        lengths: Tensor | None,
        state: tuple[Tensor, ...],
        keys: Tensor,
        source: Tensor,
        mask: Tensor | None,
        keep_layers: bool,
    ) -> tuple[Run, Tensor]:
        """The decoder with a look at the source before every step, and the weights of the looks."""
        attention = cast("AdditiveAttention", self.attention)
        outputs, weights, steps = [], [], []
        for at, token in enumerate(x.unbind(dim=1)):
            context, weight = attention(state[0][-1], keys, source, mask)
            steps.append(self._step(torch.cat([token, context], dim=-1), state))
            after = tuple(torch.stack(part) for part in zip(*steps[-1], strict=True))
            if lengths is not None:  # a row that has ended keeps its state
                goes_on = (at < lengths).unsqueeze(1)
                after = tuple(
                    torch.where(goes_on, new, old) for new, old in zip(after, state, strict=True)
                )
            state = after
            outputs.append(torch.cat([state[0][-1], context, token], dim=-1))
            weights.append(weight)
        by_layer = list(zip(*steps, strict=True))
        for layer, states in enumerate(by_layer):
            keep_trace(self.decoder, layer, False, states)
        kept = by_layer if keep_layers else []
        layers = [torch.stack([step[0] for step in states], dim=1) for states in kept]
        return Run(torch.stack(outputs, dim=1), state, layers), torch.stack(weights, dim=1)

    def _start(self, source: RecurrentModelOutput) -> tuple[Tensor, ...]:
        """The decoder's first state, (layers, batch, hidden) each."""
        summary = torch.tanh(self.bridge(source.pooler_output))
        layers, size = self.config.num_layers, self.config.hidden_size
        parts = summary.unflatten(-1, (-1, layers, size)).permute(1, 2, 0, 3)
        return tuple(part.contiguous() for part in parts.unbind())

    def _step(self, x: Tensor, state: tuple[Tensor, ...]) -> list[cells.State]:
        """One token through every layer of the decoder; the state of each after it."""
        cell_type = cell_of(self.decoder)
        after: list[cells.State] = []
        for layer in range(self.decoder.num_layers):
            if layer:
                x = nn.functional.dropout(x, self.decoder.dropout, self.training)
            input_weight, weight, *biases = layer_weights(self.decoder, layer)
            gates, late_bias = cells.input_gates(cell_type, x, input_weight, *biases)
            before = tuple(part[layer] for part in state)
            after.append(cells.step(cell_type, gates, weight, late_bias, before))
            x = after[-1][0]
        return after
