"""Plots of records: one module per kind, all in the same style."""
