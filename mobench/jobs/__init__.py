"""Jobs, suites and plans, and the resolution of names and options to jobs."""
