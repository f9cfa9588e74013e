"""Leaderboards, statistics, tables, plots and pages that are made from records."""
