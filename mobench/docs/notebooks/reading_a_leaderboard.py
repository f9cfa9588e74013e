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
# # Read a leaderboard
#
# A leaderboard is a pandas table with one row for each solver on each dataset. This notebook reads the one
# of the fairness suite from the records in the repository. It trains nothing.

# %%
from pathlib import Path

import mobench

RESULTS = Path(mobench.__file__).parents[1] / "results"
board = mobench.leaderboard(RESULTS / "fairness")
print(len(board), "rows,", board["dataset"].nunique(), "datasets,", board["solver"].nunique(), "solvers")

# %% [markdown]
# ## Hypervolume and rank
#
# The hypervolume is the area between the front and the reference point of the dataset, so larger is
# better. It is a mean over seeds, and the column with ± is the half-width of its confidence interval.
# `rank` is a range: two solvers whose ranges overlap cannot be told apart with these seeds.

# %%
adult = board[board["dataset"] == "adult"].set_index("solver")
adult[["rank", "seeds", "hypervolume", "hypervolume ±"]]

# %%
leader = adult.index[0]
lowest_rank = int(str(adult["rank"].iloc[0]).replace("–", " ").split()[-1])
print(f"{leader} is first, and its rank may be as low as {lowest_rank} of {len(adult)}")

# %% [markdown]
# ## Finite and continuous sets
#
# Some solvers train one network for each of a few preferences, others one network for all. `nets` is the
# number of networks. A set with more points can cover more area, so the column "hypervolume at equal K"
# compares all solvers at the same preferences.

# %%
adult[["nets", "hypervolume", "hypervolume at equal K", "stored parameters"]]

# %%
difference = adult["hypervolume"] - adult["hypervolume at equal K"]
print("solvers that gain from their other points:", ", ".join(adult.index[difference > 0]) or "none")

# %% [markdown]
# ## Is it fitted to the validation split?
#
# "validation − test" is the difference of the hypervolume between the two splits. A difference much larger
# than that of other solvers says that the choice of options has used the validation split up.

# %%
adult[["validation − test", "validation − test ±"]].sort_values("validation − test", ascending=False).head(3)

# %% [markdown]
# ## What it costs
#
# "training core-s" is the processor time of training, which does not depend on other programs of the
# machine. Hypervolume per cost is a decision of the reader, so the table shows both.

# %%
adult[["hypervolume", "training core-s", "peak MB"]].sort_values("training core-s").round(3)

# %% [markdown]
# ## Across datasets
#
# Hypervolumes of different datasets have different units, so they are not averaged. The share of datasets
# on which a solver is among the best by the lower end of its rank can be counted.

# %%
may_be_first = board["rank"].astype(str).str.split("–").str[0].eq("1")
board[may_be_first].groupby("solver")["dataset"].nunique().sort_values(ascending=False).rename("datasets").head(5)
