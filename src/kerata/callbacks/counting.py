"""Every so many batches, where a callback is told of several at once."""


class EveryBatches:
    """Counts batches; with `steps_per_execution` a callback is told of the last of several.

    Args:
        every: how many batches lie between two moments at least.

    Attributes:
        count: batches in all.

    >>> batches = EveryBatches(3)
    >>> [batches.has_come(last) for last in (1, 3, 5, 1, 3)]
    [False, True, False, True, False]
    >>> batches.count
    10
    """

    def __init__(self, every: int):
        self.every, self.count = every, 0
        self._last, self._since = -1, 0

    def has_come(self, batch: int) -> bool:
        """Whether it is time again.

        Args:
            batch: the number of the batch within its epoch that has ended, from 0.
        """
        # A number that is not larger belongs to the next epoch.
        passed = batch - self._last if batch > self._last else batch + 1
        self._last, self._since, self.count = batch, self._since + passed, self.count + passed
        if self._since < self.every:
            return False
        self._since = 0
        return True
