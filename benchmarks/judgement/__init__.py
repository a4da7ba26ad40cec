"""Known cases: trainings with one thing wrong, with two, or with nothing, on real data."""
