"""What is the product of T permutations of five things?

One row at T=8, each permutation by where it sends 1 to 5:

    input_ids  24513 45231 13245 23451 45132 42531 14325 35241
    labels     25341

Permutations are uniform over all 120 and multiplied left to right: the first acts first. The
product is uniform too, whatever part of the window was read. The word problem of the symmetric
group S5, as Merrill et al. (2024), "The Illusion of State in State-Space Models", set it; they ask
for every prefix, here the whole is asked. What counts as solved is ours.
"""

from functools import cache
from itertools import permutations
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.data.sequences import require
from bench.tasks import Rows

HEAD = "AutoModelForSequenceClassification"
KIND = "diagnostic"
# fmt: off
LABELS = (
    "12345", "12354", "12435", "12453", "12534", "12543", "13245", "13254", "13425", "13452",
    "13524", "13542", "14235", "14253", "14325", "14352", "14523", "14532", "15234", "15243",
    "15324", "15342", "15423", "15432", "21345", "21354", "21435", "21453", "21534", "21543",
    "23145", "23154", "23415", "23451", "23514", "23541", "24135", "24153", "24315", "24351",
    "24513", "24531", "25134", "25143", "25314", "25341", "25413", "25431", "31245", "31254",
    "31425", "31452", "31524", "31542", "32145", "32154", "32415", "32451", "32514", "32541",
    "34125", "34152", "34215", "34251", "34512", "34521", "35124", "35142", "35214", "35241",
    "35412", "35421", "41235", "41253", "41325", "41352", "41523", "41532", "42135", "42153",
    "42315", "42351", "42513", "42531", "43125", "43152", "43215", "43251", "43512", "43521",
    "45123", "45132", "45213", "45231", "45312", "45321", "51234", "51243", "51324", "51342",
    "51423", "51432", "52134", "52143", "52314", "52341", "52413", "52431", "53124", "53142",
    "53214", "53241", "53412", "53421", "54123", "54132", "54213", "54231", "54312", "54321",
)
# fmt: on
METRIC = "accuracy"
FLOOR = 0.008333333333333333
SOLVED = 0.99
LENGTHS = (2, 8192)
VOCABULARY = 121
# fmt: off
SYMBOLS = (
    "·", "12345", "12354", "12435", "12453", "12534", "12543", "13245", "13254", "13425", "13452",
    "13524", "13542", "14235", "14253", "14325", "14352", "14523", "14532", "15234", "15243",
    "15324", "15342", "15423", "15432", "21345", "21354", "21435", "21453", "21534", "21543",
    "23145", "23154", "23415", "23451", "23514", "23541", "24135", "24153", "24315", "24351",
    "24513", "24531", "25134", "25143", "25314", "25341", "25413", "25431", "31245", "31254",
    "31425", "31452", "31524", "31542", "32145", "32154", "32415", "32451", "32514", "32541",
    "34125", "34152", "34215", "34251", "34512", "34521", "35124", "35142", "35214", "35241",
    "35412", "35421", "41235", "41253", "41325", "41352", "41523", "41532", "42135", "42153",
    "42315", "42351", "42513", "42531", "43125", "43152", "43215", "43251", "43512", "43521",
    "45123", "45132", "45213", "45231", "45312", "45321", "51234", "51243", "51324", "51342",
    "51423", "51432", "52134", "52143", "52314", "52341", "52413", "52431", "53124", "53142",
    "53214", "53241", "53412", "53421", "54123", "54132", "54213", "54231", "54312", "54321",
)
# fmt: on
EXPECTED = (
    "recurrence: one recurrent layer suffices, a transformer of fixed depth does not (Merrill et "
    "al., 2024)"
)


def rows(data: Any, split: str, length: int, count: int, generator: np.random.Generator) -> Rows:
    """``count`` rows of ``length`` permutations, numbered in lexicographic order.

    Raises:
        LengthError: a length outside ``LENGTHS``.
    """
    require("s5", length, LENGTHS)
    factors = generator.integers(0, 120, (count, length))
    products = factors
    while (size := products.shape[1]) > 1:  # multiplication is associative: halve
        halved = _products()[products[:, 0 : size - 1 : 2], products[:, 1:size:2]]
        products = np.hstack([halved, products[:, size - size % 2 :]])
    return {"input_ids": factors + 1, "labels": products[:, 0]}


@cache
def _products() -> npt.NDArray[np.int64]:
    """(120, 120): the number of ``first``, then ``second``."""
    images = np.array(list(permutations(range(5))))
    powers = 5 ** np.arange(5)
    number = np.zeros(5**5, dtype=np.int64)
    number[images @ powers] = np.arange(120)
    composed = images[np.arange(120)[None, :, None], images[:, None, :]]
    product: npt.NDArray[np.int64] = number[composed @ powers]
    return product
