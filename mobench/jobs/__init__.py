"""Jobs: what is to be run. Suites, plans, and the resolution of names and options."""
