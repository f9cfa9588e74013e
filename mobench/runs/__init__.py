"""Execution of jobs: the runner, the workers that train, executors, and verification of records."""
