"""Records of jobs, stores of records, the record index, provenance, imported fronts and trained networks."""
