"""Conformance checks, one module per plugin kind. Each check is a function that takes a registry entry."""
