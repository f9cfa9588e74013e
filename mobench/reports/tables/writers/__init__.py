"""Writers of tables, one module per format."""
