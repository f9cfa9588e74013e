"""Plots from records alone: one module per kind, all in one style."""
