"""The models of the best trials: written before a trial counts as finished, removed when better ones have come."""

import contextlib
import os
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kerata.base.checks import message
from kerata.base.interrupts import hand_on
from kerata.base.refusals import UnknownInFile
from kerata.models.model import Model
from kerata.saving import load_model

NAME = re.compile(r"trial-(\d+)(-[a-z0-9-]+)?\.(keras|weights\.h5)")


class ModelFiles:
    """Model files in a folder.

    Args:
        folder: where they are; it is made with the first file.
        base: what file names are kept relative to, so that the folder can be moved with the storage.
    """

    def __init__(self, folder: Path, base: Path | None):
        self.folder, self.base = folder.absolute(), base

    def put(self, number: int, models: list[Any]) -> list[str]:
        """Writes the models of a trial's folds, each whole or not at all; returns the names to keep."""
        self.folder.mkdir(parents=True, exist_ok=True)
        files = [self.file(number, f"fold-{i + 1}" if len(models) > 1 else None) for i in range(len(models))]
        return [self.keep(write_model(model, file)) for file, model in zip(files, models)]

    def file(self, number: int, part: str | None = None) -> Path:
        """Where a model of a trial is."""
        return self.folder / (f"trial-{number:04d}-{part}.keras" if part else f"trial-{number:04d}.keras")

    def keep(self, file: Path) -> str:
        """The name to keep in the storage."""
        if self.base is not None and file.is_relative_to(self.base):
            return file.relative_to(self.base).as_posix()
        return str(file)

    def find(self, kept: str) -> Path:
        """The path of a name that was kept; a file that was moved is looked for in the folder.

        A storage may be another's: it can name files of models beside it, and no others.
        """
        file = Path(kept) if self.base is None else Path(os.path.abspath(self.base / kept))
        inside = self.base is None or file.is_relative_to(os.path.abspath(self.base))
        known = NAME.fullmatch(file.name) is not None
        return file if known and inside and file.exists() else self.folder / file.name

    def load(self, number: int, kept: list[str], make: Callable[[], Any] | None = None) -> list[Any]:
        """The models of a trial.

        Args:
            number, kept: the trial, and the names that were kept.
            make: builds such a model; needed where a file cannot tell all, as of a user's own classes.
        """
        files = [self.find(name) for name in kept]
        missing = [str(file) for file in files if not file.is_file()]
        if not files:
            raise FileNotFoundError(
                message(
                    "search",
                    "the models of this trial were not kept",
                    {"trial": number},
                    "Use .refit(x, y), or run the study with a larger `keep`",
                )
            )
        if missing:
            raise FileNotFoundError(
                message(
                    "search",
                    f"the models of this trial are not on this machine, {socket.gethostname()}",
                    {"trial": number, "files": missing},
                    "They are where the trial was trained; or use .refit(x, y)",
                )
            )
        return [read_model(file, make) for file in files]

    def numbers(self) -> set[int]:
        """The trials that have files here."""
        if not self.folder.is_dir():
            return set()
        return {int(found[1]) for entry in self.folder.iterdir() if (found := NAME.fullmatch(entry.name))}

    def drop(self, numbers: set[int]) -> None:
        """Removes the files of trials."""
        for entry in list(self.folder.iterdir()) if numbers and self.folder.is_dir() else ():
            found = NAME.fullmatch(entry.name)
            if found and int(found[1]) in numbers:
                # Another process may have been faster.
                with contextlib.suppress(FileNotFoundError):
                    entry.unlink()


def write_model(model: Model, file: Path) -> Path:
    """Writes a model, or its weights alone where its description cannot be written; returns the file."""
    try:
        model.save(file)
    except OSError:
        raise
    except Exception as error:
        hand_on(error)
        if not hasattr(model, "save_weights"):
            raise
        file = file.with_suffix(".weights.h5")
        model.save_weights(file)
    return file


def read_model(file: Path, make: Callable[[], Any] | None) -> Model:
    """The model in a file; where the file does not tell all of it, one that is built anew, with the weights in the file."""
    unread: Exception | None = None
    if file.suffix == ".keras":
        try:
            model = load_model(file)
            if model.compiled or make is None:
                return model
        except (UnknownInFile, NotImplementedError) as error:
            unread = error
    if make is None:
        raise unread or ValueError(
            message(
                "search",
                "this file holds the weights of a model alone",
                {"file": str(file)},
                "Give the builder: load_study(storage, build=build)",
            )
        )
    model = make()
    model.load_weights(file)
    return model


class MemoryModels(ModelFiles):
    """Models that are kept with a study in memory."""

    def __init__(self) -> None:
        self.models: dict[int, list[Any]] = {}

    def put(self, number: int, models: list[Any]) -> list[str]:
        self.models[number] = models
        return []

    def load(self, number: int, kept: list[str], make: Callable[[], Any] | None = None) -> list[Any]:
        if number not in self.models:
            raise FileNotFoundError(
                message(
                    "search",
                    "the models of this trial were not kept",
                    {"trial": number},
                    "Use .refit(x, y), or run the study with a larger `keep`",
                )
            )
        return self.models[number]

    def numbers(self) -> set[int]:
        return set(self.models)

    def drop(self, numbers: set[int]) -> None:
        for number in numbers:
            self.models.pop(number, None)
