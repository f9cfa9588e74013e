"""How a solver is trained: preferences, gradients, the gradient solver, the loop."""
