"""One module per format of a table."""
