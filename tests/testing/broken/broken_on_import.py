"""A balancer whose module changes global state when it is imported."""

from dataclasses import dataclass

import numpy as np

from mobench import Balancer

np.random.seed(0)


@dataclass(eq=False)
class Sound(Balancer):
    """Weights equal to the preference."""

    def __call__(self, losses, preferences, gram):
        return 1.0 * preferences
