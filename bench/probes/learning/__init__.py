"""Loss, the task's metric and global gradient norm by step, and the training rate."""

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
    "steps": {"default": 60, "least": 1, "help": "optimizer steps, at most"},
    "patience": {
        "default": 0,
        "least": 0,
        "help": "validations that bring nothing after which a training ends; 0: after its steps",
    },
    "batch_size": {"default": 8, "least": 1, "help": "rows of a step"},
    "learning_rates": {
        "default": [1e-3],
        "least": 0.0,
        "help": "tried once for every arm, and further ones where any arm's best is the least or "
        "the largest; the best on validation is kept for all seeds",
    },
    "warmup_steps": {
        "default": 0,
        "least": 0,
        "help": "over which the learning rate rises from 0, in trials too",
    },
    "schedule": {
        "default": "constant",
        "choices": ["constant", "cosine"],
        "help": "of the learning rate after it has risen; a cosine falls to 0 at the last step",
    },
    "trial_steps": {
        "default": 20,
        "least": 1,
        "help": "of a training at each learning rate, where there are several",
    },
    "clip_norm": {"default": 1.0, "least": 0.0, "help": "global norm above which to scale down"},
    "eval_every": {"default": 20, "least": 1, "help": "steps between validations"},
    "eval_rows": {"default": 128, "least": 1, "help": "rows of a validation and of the final test"},
    "shortest": {
        "default": 0,
        "least": 0,
        "help": "train on windows of every length from this one to the cell's; 0 for the cell's",
    },
    "test_lengths": {
        "default": [],
        "least": 1,
        "help": "further lengths to test on, those beyond the cell's out of distribution",
    },
}
TIMED = True
INTERLEAVED = False
ABREAST = True
