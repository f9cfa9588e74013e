"""The symmetric Dirichlet distribution, which mobench uses by default."""

from mobench.interfaces import Dirichlet

__all__ = ["Dirichlet"]
