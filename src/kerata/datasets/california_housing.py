"""California housing: 20,640 districts by 8 measures, and the median value of a house in each."""

from kerata.base.checks import check_choice
from kerata.datasets.origins import Pair
from kerata.datasets.tables import check_test_split, load_table, shuffle_and_split

FILE_HASH = "1a2e3a52e0398de6463aebe6f4a8da34fb21fbb6b934cf88c3425e766f2a1a6f"
SMALL = 600


def load_data(
    version: str = "large", path: str = "california_housing.npz", test_split: float = 0.2, seed: int = 113
) -> tuple[Pair, Pair]:
    """California housing as `(x_train, y_train), (x_test, y_test)`, downloaded once (744 kB) and checked.

    The measures are the place, the houses' age, rooms and bedrooms, population, households and income of a district.

    Args:
        version: `"large"` for all districts, `"small"` for the first 600.
        path: name of the file in the cache's `datasets` folder.
        test_split: part of the samples that the test set gets, from 0 to less than 1.
        seed: of the order of the samples before the split.

    Shapes: x: (16512, 8) and (4128, 8). y: (16512,) and (4128,), in dollars.

    Source: Pace and Barry (1997), from the census of 1990.

    >>> import kerata.datasets.california_housing
    >>> (x_train, y_train), _ = kerata.datasets.california_housing.load_data("small")  # doctest: +SKIP
    >>> x_train.shape  # doctest: +SKIP
    (480, 8)
    """
    check_choice("california_housing.load_data", "version", version, ("small", "large"))
    check_test_split("california_housing.load_data", test_split)
    x, y = load_table(path, "california_housing.npz", FILE_HASH)
    if version == "small":
        x, y = x[:SMALL], y[:SMALL]
    return shuffle_and_split(x, y, test_split, seed)
