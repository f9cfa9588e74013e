# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A method of your own in twenty lines
#
# A balancer weighs the losses in each step of training. This notebook defines one, registers it for the
# running process, and compares it with linear scalarisation. No package is needed.
#
# With `MOBENCH_NOTEBOOKS=small` in the environment the notebook trains for fewer steps.

# %%
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch

import mobench

IS_SMALL = os.environ.get("MOBENCH_NOTEBOOKS") == "small"
STEPS = 60 if IS_SMALL else 1000
SEEDS = [0] if IS_SMALL else [0, 1, 2, 3, 4]


# %% [markdown]
# ## The method
#
# The losses of a step are a tensor [K, m]: one row for each preference, one column for each objective.
# The balancer returns weights of the same shape. This one multiplies the preference by a smooth maximum
# of the weighted losses, so that the objective that is worst for its preference counts more.


# %%
@mobench.register("soft-max")
@dataclass(eq=False)
class SoftMax(mobench.Balancer):
    """Weights of a smooth weighted Chebyshev scalarisation."""

    temperature: float = mobench.option(0.1, "smaller: closer to the maximum")

    def __call__(self, losses, preferences, gram=None):
        shares = torch.softmax(preferences * losses / self.temperature, dim=1)
        return shares * preferences


mobench.register("phn-soft-max", generator="phn", balancer=SoftMax)

# %% [markdown]
# The pair of the generator `phn` and the balancer is a solver. It is listed and trained like any other.
# VLMOP2 is a problem of two objectives whose Pareto front is known and not convex.

# %%
out = Path(tempfile.mkdtemp())
suite = out / "comparison.toml"
suite.write_text(
    f"""
seeds = {SEEDS}
[budget]
steps = {STEPS}
[[entries]]
datasets = ["vlmop2"]
models = ["point"]
solvers = ["phn-ls", "phn-soft-max"]
"""
)
board = mobench.run(suite, out=out)
board[["solver", "seeds", "hypervolume"]]

# %%
best = board.sort_values("hypervolume").iloc[-1]
difference = board["hypervolume"].max() - board["hypervolume"].min()
print(f"{best['solver']} has the larger mean hypervolume, by {difference:.4f}, over {len(SEEDS)} seeds")

# %% [markdown]
# ## Change it
#
# `mobench.fit` trains one front in this process, and options are set by name. When the cell with the class
# is run again after a change, the new class replaces the old one. Its jobs have other ids, so no earlier
# record is reused.

# %%
front = mobench.fit("phn-soft-max", "vlmop2", "point", steps=STEPS, settings={"temperature": 1.0}, progress=False)
print(f"hypervolume {front.record.indicators['val']['hypervolume']:.4f} with temperature 1")

# %% [markdown]
# ## From here
#
# Records say that the balancer was registered in process, so a folder with them cannot be submitted.

# %%
try:
    mobench.check_submittable(out)
except mobench.errors.StoreError as error:
    print(str(error).replace(str(out), "the folder"))
