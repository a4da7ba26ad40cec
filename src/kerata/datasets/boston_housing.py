"""Boston housing: 506 districts by 13 measures, and the median value of a house in each."""

from kerata.datasets.origins import Pair
from kerata.datasets.tables import check_test_split, load_table, shuffle_and_split

FILE_HASH = "f553886a1f8d56431e820c5b82552d9d95cfcb96d1e678153f8839538947dff5"


def load_data(path: str = "boston_housing.npz", test_split: float = 0.2, seed: int = 113) -> tuple[Pair, Pair]:
    """Boston housing as `(x_train, y_train), (x_test, y_test)`, downloaded once (57 kB) and checked.

    One of its measures, "B", was formed on the assumption that segregation by race raises prices; use
    `california_housing` instead unless that is the subject.

    Args:
        path: name of the file in the cache's `datasets` folder.
        test_split: part of the samples that the test set gets, from 0 to less than 1.
        seed: of the order of the samples before the split.

    Shapes: x: (404, 13) and (102, 13), float64. y: (404,) and (102,), float64, in thousands of dollars.

    Source: Harrison and Rubinfeld (1978), from the StatLib library.

    >>> import kerata.datasets.boston_housing
    >>> (x_train, y_train), _ = kerata.datasets.boston_housing.load_data()  # doctest: +SKIP
    >>> x_train.shape  # doctest: +SKIP
    (404, 13)
    """
    check_test_split("boston_housing.load_data", test_split)
    x, y = load_table(path, "boston_housing.npz", FILE_HASH)
    return shuffle_and_split(x, y, test_split, seed)
