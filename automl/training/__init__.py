"""Trains one candidate: from a TrialSpec to a TrialResult, through Lightning."""
