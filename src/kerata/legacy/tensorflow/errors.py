"""The errors of TensorFlow that programs catch: `tf.errors`."""


class OpError(Exception):
    """What operations raise."""

    @property
    def message(self) -> str:
        return str(self)


class InvalidArgumentError(OpError, ValueError):
    """Values that an operation cannot take."""


class NotFoundError(OpError, FileNotFoundError):
    """A file that is not there."""


class OutOfRangeError(OpError, IndexError):
    """The end of a data set."""


class ResourceExhaustedError(OpError, MemoryError):
    """No memory is left."""


class FailedPreconditionError(OpError, RuntimeError):
    """An operation that cannot be done now."""


class DataLossError(OpError):
    """A file that is not as it was written."""


class UnimplementedError(OpError, NotImplementedError):
    """What is not there."""


class UnknownError(OpError):
    """Everything else."""
