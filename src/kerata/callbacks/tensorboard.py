"""Records of a training that TensorBoard shows."""

import logging
import os
import time
from typing import Any

import jax
import numpy as np
from numpy.typing import ArrayLike

from kerata.base.checks import check_path, check_positive_int, message
from kerata.base.config import image_data_format
from kerata.callbacks.callback import Callback
from kerata.callbacks.events import EventWriter


class TensorBoard(Callback):
    """Writes what TensorBoard shows: `tensorboard --logdir logs`. It needs nothing installed beside TensorBoard itself.

    Measures go to the runs `train` and `validation`, under Keras's names: `epoch_loss`, `batch_loss`,
    `evaluation_loss_vs_iterations`.

    Args:
        log_dir: the folder.
        histogram_freq: every how many epochs the weights are written as histograms; 0 for never.
        write_graph: whether to write the model's graph.
        write_images: whether to write the weights as pictures too, where histograms are written.
        write_steps_per_second: whether to write how many steps are made in a second.
        update_freq: "epoch", or every how many batches their measures are written, "batch" for 1. Batches slow the loop, which
            runs many of them in a call otherwise.
        profile_batch: the batch, or the first and the last as a pair or as "10,20", of which JAX writes a profile; 0 for none.
        embeddings_freq: every how many epochs the embeddings are written, for the projector; 0 for never.
        embeddings_metadata: a file with a label a row, or a dict of layers' names to such.

    >>> import kerata, tempfile
    >>> board = kerata.callbacks.TensorBoard(tempfile.mkdtemp(), histogram_freq=1)
    """

    writes_files = True

    def __init__(
        self,
        log_dir="logs",
        histogram_freq=0,
        write_graph=True,
        write_images=False,
        write_steps_per_second=False,
        update_freq="epoch",
        profile_batch=0,
        embeddings_freq=0,
        embeddings_metadata=None,
    ):
        super().__init__()
        self.log_dir = str(check_path(self, log_dir, "log_dir"))
        self.histogram_freq = check_positive_int(self, "histogram_freq", histogram_freq or 0, minimum=0)
        self.write_graph, self.write_images = bool(write_graph), bool(write_images)
        self.write_steps_per_second = bool(write_steps_per_second)
        freq = 1 if update_freq == "batch" else update_freq
        self.update_freq: int | str = freq if freq == "epoch" else check_positive_int(self, "update_freq", freq)
        self.profiled = _read_profiled(profile_batch)
        self.embeddings_freq = check_positive_int(self, "embeddings_freq", embeddings_freq or 0, minimum=0)
        self.embeddings_metadata = embeddings_metadata
        self._writers: dict[str, EventWriter] = {}
        self._batch, self._profiling = 0, False
        if self.update_freq != "epoch" or self.profiled != (0, 0):
            # Defined on the instance, so that records of epochs do not slow the loop to single batches.
            self.on_train_batch_begin = self._begin_batch  # type: ignore[method-assign]
            self.on_train_batch_end = self._end_batch  # type: ignore[method-assign]

    @property
    def summary(self) -> EventWriter:
        """The writer of the run `train`, for what else is to be seen: `board.summary.scalar("name", 0.5, step=3)`."""
        return self._writer("train")

    def _writer(self, run: str) -> EventWriter:
        if run not in self._writers:
            self._writers[run] = EventWriter(os.path.join(self.log_dir, run))
        return self._writers[run]

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._batch = 0
        # A member of a population has no layers to show.
        if self.write_graph and hasattr(self.model, "layers"):
            self._write_graph()
        if self.embeddings_freq:
            self._write_projector()

    def _write_graph(self) -> None:
        layers = getattr(self.model, "operations", None) or self.model.layers
        nodes = []
        for layer in layers:
            tensors = [tensor for node in getattr(layer, "inbound_nodes", ()) for tensor in node.input_tensors]
            above = dict.fromkeys(tensor.history[0].name for tensor in tensors if tensor.history)
            nodes.append((layer.name, type(layer).__name__, list(above)))
        self._writer("train").graph(nodes)
        try:
            text = self.model.to_json()
        except (NotImplementedError, TypeError, ValueError):
            # A model of a user's own need not say how it is made.
            return
        self._writer("train").config("keras", text)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self.write_steps_per_second:
            self._steps_before, self._began = self._steps(), time.perf_counter()

    def _steps(self) -> int:
        return int(np.asarray(self.model.optimizer.iterations))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        logs = dict(logs or {})
        rate = getattr(self.model.optimizer, "learning_rate", None)
        if rate is not None:
            logs["learning_rate"] = float(np.asarray(rate))
        if self.write_steps_per_second:
            seconds = max(time.perf_counter() - self._began, 1e-9)
            logs["steps_per_second"] = (self._steps() - self._steps_before) / seconds
        for name, value in logs.items():
            run, plain = ("validation", name[4:]) if name.startswith("val_") else ("train", name)
            self._write_number(run, f"epoch_{plain}", value, epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._write_weights(epoch)
        if self.embeddings_freq and epoch % self.embeddings_freq == 0:
            self._write_embeddings()
        for writer in self._writers.values():
            writer.flush()

    def _write_number(self, run: str, name: str, value: ArrayLike, step: int) -> None:
        # What is not one number, such as a matrix of counts, is not shown.
        if np.ndim(value) == 0:
            self._writer(run).scalar(name, value, step)

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        if self.model.optimizer is not None:
            for name, value in (logs or {}).items():
                self._write_number("validation", f"evaluation_{name}_vs_iterations", value, self._steps())

    def _begin_batch(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._batch += 1
        self._batch_began = time.perf_counter()
        if self._batch == self.profiled[0] and not self._profiling:
            try:
                jax.profiler.start_trace(os.path.join(self.log_dir, "train"))
                self._profiling = True
            except RuntimeError as error:
                # Somebody else's profile is under way: no reason to end a training.
                logging.getLogger("kerata").error("TensorBoard: no profile: %s", error)

    def _end_batch(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if self._profiling and self._batch >= self.profiled[1]:
            self._end_profile()
        if isinstance(self.update_freq, str) or self._batch % self.update_freq:
            return
        if self.write_steps_per_second:
            seconds = max(time.perf_counter() - self._batch_began, 1e-9)
            self._writer("train").scalar("batch_steps_per_second", 1 / seconds, self._batch)
        for name, value in (logs or {}).items():
            self._write_number("train", f"batch_{name}", value, self._batch)

    def _end_profile(self) -> None:
        self._profiling = False
        jax.profiler.stop_trace()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        if self._profiling:
            self._end_profile()
        for writer in self._writers.values():
            writer.close()
        self._writers = {}

    def _write_weights(self, epoch: int) -> None:
        writer = self._writer("train")
        for layer in self.model.layers:
            for weight in layer.weights:
                name, value = weight.path.replace(":", "_"), weight.numpy()
                writer.histogram(f"{name}/histogram", value, epoch)
                pictures = as_pictures(value) if self.write_images else None
                if pictures is not None:
                    writer.image(f"{name}/image", pictures, epoch)

    # The projector of embeddings

    def _embeddings(self) -> list[Any]:
        """The layers whose weights are a row for each word or class."""
        return [layer for layer in self.model.layers if layer.takes_indices and hasattr(layer, "embeddings")]

    def _write_projector(self) -> None:
        """Says which files the projector shows."""
        labels = self.embeddings_metadata
        layers = self._embeddings()
        names = {layer.name for layer in layers}
        if isinstance(labels, dict) and not set(labels) <= names:
            text = "`embeddings_metadata` names layers that are no embeddings of the model"
            raise ValueError(message(self, text, {"embeddings_metadata": labels}, f"There are {sorted(names)}"))
        lines = []
        for layer in layers:
            told = labels.get(layer.name) if isinstance(labels, dict) else labels
            more = f'\n  metadata_path: "{told}"' if told else ""
            lines.append(
                f'embeddings {{\n  tensor_name: "{layer.name}"\n  tensor_path: "train/{layer.name}.embedding.tsv"{more}\n}}\n'
            )
        os.makedirs(self.log_dir, exist_ok=True)
        with open(os.path.join(self.log_dir, "projector_config.pbtxt"), "w", encoding="utf-8") as file:
            file.writelines(lines)

    def _write_embeddings(self) -> None:
        for layer in self._embeddings():
            if layer.built:
                os.makedirs(os.path.join(self.log_dir, "train"), exist_ok=True)
                path = os.path.join(self.log_dir, "train", f"{layer.name}.embedding.tsv")
                np.savetxt(path, layer.embeddings.numpy(), fmt="%.6g", delimiter="\t")


def _read_profiled(given: object) -> tuple[int, int]:
    """The first and the last batch to profile; (0, 0) for none."""
    parts = given.split(",") if isinstance(given, str) else given if isinstance(given, (list, tuple)) else [given]
    numbers = [int(part) for part in parts if isinstance(part, int) or (isinstance(part, str) and part.strip().isdigit())]
    if len(numbers) != len(parts) or len(numbers) not in (1, 2) or numbers[0] < 0 or numbers[-1] < numbers[0]:
        text = "`profile_batch` must be the number of a batch, or a pair of the first and the last"
        raise ValueError(message("TensorBoard", text, {"profile_batch": given}))
    return numbers[0], numbers[-1]


def as_pictures(weight: np.ndarray) -> np.ndarray | None:
    """A weight as pictures (number, height, width, channels); `None` where it has no form that can be seen.

    >>> as_pictures(np.zeros((5, 3))).shape, as_pictures(np.zeros(4)).shape
    ((1, 3, 5, 1), (1, 4, 1, 1))
    """
    found = np.squeeze(weight)
    if found.ndim == 1:
        return found.reshape(1, -1, 1, 1)
    if found.ndim == 2:
        # Lying, so that it fits on a screen.
        return (found.T if found.shape[0] > found.shape[1] else found)[None, ..., None]
    if found.ndim == 3:
        return (np.moveaxis(found, -1, 0) if image_data_format() == "channels_last" else found)[..., None]
    return found if found.ndim == 4 and found.shape[-1] in (1, 3, 4) else None
