"""How a Pareto set is judged: evaluation over rays, indicators, controllability, cost."""
