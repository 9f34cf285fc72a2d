"""The sentence that the suite is there to check, in the parts that claims bear on.

A claim's ``PLACE`` says by its hundreds which part it is about.
"""

from dataclasses import dataclass

TEXT = (
    "Traditionally to process text we used RNNs, but as the window size increases we see the "
    "problem of vanishing gradients. Additionally, they are slow. Transformers are able to address "
    "these concerns."
)


@dataclass(frozen=True)
class Part:
    """One part of the sentence.

    Args:
        words: of the sentence.
        question: that its claims answer.
        least, most: places of these claims, the last one not among them.
    """

    words: str
    question: str
    least: int
    most: int


PARTS = (
    Part(
        "as the window size increases we see the problem of vanishing gradients",
        "Does the gradient vanish as the window grows?",
        100,
        200,
    ),
    Part("they are slow", "Is recurrence slow?", 200, 300),
    Part(
        "transformers are able to address these concerns",
        "Does attention address both, and at which cost?",
        300,
        500,
    ),
)


def part(place: int) -> Part | None:
    """The part that a claim at this place is about; None of one that is about none."""
    return next((one for one in PARTS if one.least <= place < one.most), None)
