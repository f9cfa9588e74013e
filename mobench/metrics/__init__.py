"""Evaluation of Pareto sets: losses on rays, indicators, controllability and cost."""
