"""Small convex programs in batches: the min-norm point, non-negative least squares, linear programs."""
