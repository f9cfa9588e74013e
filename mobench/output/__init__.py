"""Output of commands and of Python calls: text, JSON lines, warnings, and the progress of runs and searches."""
