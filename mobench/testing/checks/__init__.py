"""The checks, one module per kind; each is a function of a registry entry."""
