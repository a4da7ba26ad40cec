"""What `fit`, `evaluate` and `predict` do, for any model: steps, losses and measures, feeds, runs."""
