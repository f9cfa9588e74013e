"""What plugin authors test with: input families, and the conformance suite that every plugin passes."""
