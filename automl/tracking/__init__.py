"""Mirrors a study into MLflow: one parent run a study, one child a trial."""
