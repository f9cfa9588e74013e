"""Records: the results of jobs. Stores, the index, provenance, imported fronts, trained networks."""
