"""The persistent search: study, trials, strategies, executors and the front."""
