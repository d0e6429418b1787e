"""What differs between two passes: counted exactly, the largest difference in its place."""

from __future__ import annotations

import numpy as np
import pytest

from backpropviz.engine.conventions import Conventions, with_conventions
from backpropviz.engine.kinds.pooling import MaxPool2d
from backpropviz.engine.kinds.squared_error import SquaredError
from backpropviz.engine.network import chain
from backpropviz.engine.optimizers import Sgd
from backpropviz.engine.record import record
from backpropviz.engine.tape import Tape, compared
from backpropviz.engine.value import Array, parse
from backpropviz.errors import UserError
from tests.engine.passes import branched, recorded

NETWORK = chain("tied", (1, 2, 3), {"pool1": MaxPool2d(2, 1)}, SquaredError(half=True))


def tied(conventions: Conventions, image: object = ((1, 5, 5), (0, 5, 2))) -> Tape:
    images: Array = np.array([[image]], dtype=np.float32)
    network = with_conventions(NETWORK, conventions)
    return record(network, {}, images, np.array([-1.0, -7.0]), Sgd())


def test_the_change_of_one_tied_pooling() -> None:
    # (5 + 1) / 2 = 3 and (5 + 7) / 2 = 6 arrive; first: 9 at the middle top.
    found = compared(tied(Conventions()), tied(Conventions(ties="shared")))
    (change,) = found.changes
    assert (change.array.name, change.count, change.size) == ("pool1.input.grad", 3, 6)
    assert change.at.indices == (0, 0, 0, 1)
    assert (change.before, change.after) == (9, 3.5)
    assert change.largest == 5.5
    assert found.count == 3
    assert found.largest == change
    assert parse("loss") in found.unchanged


def test_a_pass_is_the_same_as_itself_even_where_it_is_nan() -> None:
    image = ((np.nan, 5, 5), (0, 5, 2))
    found = compared(tied(Conventions(), image), tied(Conventions(), image))
    assert found.is_same
    assert found.largest is None
    assert found.count == 0


def test_a_difference_that_is_no_number_counts_as_the_largest() -> None:
    found = compared(tied(Conventions()), tied(Conventions(), ((np.nan, 5, 5), (0, 6, 2))))
    image = next(change for change in found.changes if change.array == parse("image"))
    assert image.count == 2
    assert image.at.indices == (0, 0, 0, 0)
    assert np.isnan(image.after)
    assert found.largest == found.changes[0]


def test_names_of_one_array_count_once_and_in_the_order_of_the_pass() -> None:
    found = compared(recorded(branched(), [1, 3]), recorded(branched(), [1, 3], seed=2))
    arrays = [change.array.name for change in found.changes]
    assert len(arrays) == len(set(arrays))
    assert "relu1.input" not in arrays
    assert arrays.index("image") < arrays.index("conv1.output") < arrays.index("loss")
    assert arrays.index("loss") < arrays.index("dense.input.grad")


def test_passes_of_other_shapes_are_refused() -> None:
    with pytest.raises(UserError, match="image is 2×2×6×7 in one pass and 1×2×6×7 in the other"):
        compared(recorded(branched(), [1, 3]), recorded(branched(), [1], batch=1))
