"""Hyperparameter search over jobs, with Optuna."""
