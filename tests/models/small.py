"""What the tests of checkpoints ask of an arm: a head over a tokenizer of fifty ids."""

from models.arms import Shape

ENCODER = "AutoModelForSequenceClassification"


def shape(head, checkpoint=None, vocab_size=50):
    return Shape(head, 3, vocab_size, 0, 8, 1, 2, 32, 0.25, checkpoint=checkpoint)
