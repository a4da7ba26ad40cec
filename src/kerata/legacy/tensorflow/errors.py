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


class AbortedError(OpError):
    """An operation that was given up."""


class AlreadyExistsError(OpError, FileExistsError):
    """What is there already."""


class CancelledError(OpError):
    """An operation that was called off."""


class DeadlineExceededError(OpError):
    """An operation that took too long."""


class InternalError(OpError):
    """A fault of the system."""


class PermissionDeniedError(OpError, PermissionError):
    """What may not be done."""


class UnauthenticatedError(OpError):
    """A request without the proof of who asks."""


class UnavailableError(OpError):
    """What is not there at the moment."""
