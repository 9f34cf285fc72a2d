"""How much of the loss's gradient reaches each token, and each state, by distance from the loss.

The loss of a row is taken at one designated position: a classifier's is where it reads its state
(an encoder's first, a recurrence's last), a head that answers at every position is asked for its
last labelled answer only, and an encoder-decoder for the first token of its target, which stands
right behind the window. For every input position t this takes the norm of dL/de_t, the gradient at
the input embedding, which is valid for fused kernels and for every model that takes
``inputs_embeds``: one backward for all positions. Beside it stands the norm at the states in
between, layer by layer: dL/dh_t, an LSTM's dL/dc_t, a transformer's residual stream.

All is taken twice from the same weights, in the cell's type, which training sees, and in float64,
whose numbers go on where float32 has none; at initialisation, and after shares of the training.
"""

HEADS = [
    "AutoModelForSequenceClassification",
    "AutoModelForTokenClassification",
    "AutoModelForQuestionAnswering",
    "AutoModelForCausalLM",
    "AutoModelForSeq2SeqLM",
    "AutoModel",
    "AutoProcessor",
]
AXES: dict[str, dict[str, list[str]]] = {}
PROTOCOL = {
    "steps": {
        "default": 60,
        "least": 0,
        "help": "optimizer steps of the training that is measured; 0 for initialisation only",
    },
    "stages": {
        "default": [0.1, 0.5, 1.0],
        "least": 0.0,
        "most": 1.0,
        "help": "shares of the training after which it is measured, beside initialisation",
    },
    "batch_size": {"default": 8, "least": 1, "help": "rows of a step"},
    "rows": {"default": 8, "least": 1, "help": "rows of a measurement"},
    "states": {
        "default": 1,
        "least": 0,
        "most": 1,
        "help": "whether to measure at the states too (1), which runs recurrences step by step",
    },
    "learning_rate": {"default": 1e-3, "least": 0.0, "help": "of those steps"},
    "clip_norm": {"default": 1.0, "least": 0.0, "help": "global norm above which to scale down"},
    "eval_rows": {"default": 128, "least": 1, "help": "rows of the test, and of a validation"},
    "patience": {
        "default": 0,
        "least": 0,
        "help": "validations in a row without gain, of the last of which a training has converged; "
        "it goes on to its last step all the same, as its seeds are compared there; 0 for none",
    },
    "eval_every": {
        "default": 20,
        "least": 1,
        "help": "steps between validations, if there are any",
    },
}
TIMED = False
INTERLEAVED = False
ABREAST = True
