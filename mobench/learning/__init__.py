"""Training: preferences, gradients, the gradient solver and the training loop."""
