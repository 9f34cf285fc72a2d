"""What recurrent models cost, in closed form.

In each layer and direction a token is multiplied with the input weights (G*H*I) and the state with
the recurrent ones (G*H*H); G is the number of gates, 1 in an Elman network, 3 in a GRU, 4 in an
LSTM. Every step is counted, the first from a zero state too; a kernel that takes no gradient for
that state, which nobody needs, spends one product G*H*H a row, layer and direction less in
training. The state is H numbers a layer and direction, 2H in an LSTM, however long the row.
"""

from dataclasses import replace
from typing import Any

from transformers import PreTrainedConfig

from models.autoclasses import IMAGE_TEXT, SEQ2SEQ
from models.cost import Cost, Parameters, Term
from models.recurrent.configuration import GATES

_ROW, _TARGET, _PAIR = Term(1, 0), Term(1, 0, 1), Term(1, 1, 1)
_Terms = tuple[Term, ...]


def of(config: PreTrainedConfig, head: str, parameters: Parameters) -> Cost:
    """The cost of a recurrent model under a head."""
    if head == IMAGE_TEXT:
        return _two_towers(config, parameters)
    if head == SEQ2SEQ:
        return _encoder_decoder(config, parameters)
    products = (Term(_stack(config, config.embedding_size)), *_readout(config, head))
    return Cost(parameters, products, (_times(_ROW, _state(config)),))


def _times(unit: Term, amount: int) -> Term:
    return replace(unit, amount=amount)


def _width(config: Any) -> int:
    """Features of a position: both directions side by side."""
    width: int = config.hidden_size * (2 if getattr(config, "bidirectional", False) else 1)
    return width


def _stack(config: Any, inputs: int, *, decoder: bool = False) -> int:
    """Multiply-adds of a token; every layer reads the one below it."""
    hidden, width = config.hidden_size, config.hidden_size if decoder else _width(config)
    amount = 0
    for _ in range(config.num_layers):
        amount += GATES[config.cell_type] * width * (inputs + hidden)
        inputs = width
    return amount


def _state(config: Any, *, decoder: bool = False) -> int:
    """Numbers carried from one token to the next."""
    tensors = 2 if config.cell_type == "lstm" else 1
    width: int = config.hidden_size if decoder else _width(config)
    return tensors * int(config.num_layers) * width


def _readout(config: Any, head: str) -> _Terms:
    """The matrices between the states and what a head puts out."""
    if head == "AutoModelForSequenceClassification":
        return (_times(_ROW, _width(config) * config.num_labels),)
    if head == "AutoModelForTokenClassification":
        return (Term(_width(config) * config.num_labels),)
    if head == "AutoModelForQuestionAnswering":
        return (Term(_width(config) * 2),)
    if head == "AutoModelForCausalLM":
        hidden, width = config.hidden_size, _output_width(config)
        projection = hidden * width if hidden != width else 0
        return (Term(projection + width * config.vocab_size, logits=True),)
    return ()


def _output_width(config: Any) -> int:
    """Width of what meets the vocabulary: an embedding's, where the table is used again."""
    width: int = config.embedding_size if config.tie_word_embeddings else config.hidden_size
    return width


def _encoder_decoder(config: Any, parameters: Parameters) -> Cost:
    """A bridge from the encoder's summary to the decoder's state, and the two stacks.

    Additive attention (Bahdanau et al., 2015) compares every step's state with the source's keys
    and reads their mixture, which enters the next state and the readout. What decoding keeps is
    then the source's keys and outputs beside the state.
    """
    hidden, source, embedding = config.hidden_size, _width(config), config.embedding_size
    width, state = _output_width(config), _state(config, decoder=True)
    context = source if config.attention else 0
    if config.attention:
        readout = (hidden + context + embedding) * width
    else:
        readout = hidden * width if hidden != width else 0
    step = _stack(config, embedding + context, decoder=True)
    products: _Terms = (
        Term(_stack(config, embedding)),
        _times(_ROW, source * state),
        _times(_TARGET, step + readout + width * config.vocab_size),
    )
    kept: _Terms = (_times(_ROW, state),)
    if config.attention:
        products += (
            Term(source * hidden),  # keys
            _times(_TARGET, hidden * hidden),  # queries
            _times(_PAIR, hidden + source),  # scores, and the outputs they weigh
        )
        kept += (Term(hidden + source),)
    return Cost(parameters, products, kept, (Term(1), _TARGET))


def _two_towers(config: Any, parameters: Parameters) -> Cost:
    """A text, and an image read patch by patch; pixels are data and take no gradient."""
    text, image = config.text_config, config.vision_config
    patches = (image.image_size // image.patch_size) ** 2
    pixels = image.num_channels * image.patch_size**2
    products = (
        Term(_stack(text, text.embedding_size)),
        _times(_ROW, patches * _stack(image, image.embedding_size)),
        Term(patches * pixels * image.embedding_size, source=0, gradients=1),
        _times(_ROW, (_width(text) + _width(image)) * config.projection_dim),
    )
    state = (_times(_ROW, _state(text) + _state(image)),)
    return Cost(parameters, products, state, (Term(1), _times(_ROW, patches)))
