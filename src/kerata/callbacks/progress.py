"""The progress of a run, for a person to see."""

from kerata.callbacks.callback import Callback


class ProgbarLogger(Callback):
    """One line an epoch."""

    def on_epoch_end(self, epoch, logs=None):
        print(f"Epoch {epoch + 1}/{self.params['epochs']} " + " ".join(f"{k}: {v:.4f}" for k, v in (logs or {}).items()))
