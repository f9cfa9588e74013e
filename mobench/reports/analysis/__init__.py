"""Analysis of records: measurements, leaderboards and statistical comparisons."""
