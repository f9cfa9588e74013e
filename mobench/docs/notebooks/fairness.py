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
# # Fairness on Adult: an operating point under a bound
#
# The table Adult states the income of people and their sex. A classifier of the income can have a small
# cross-entropy or a small gap between the sexes (demographic parity), but not both. Instead of weighing
# the two before training, this notebook trains all trade-offs at once, looks at them, and then chooses the
# best classifier whose gap is below a bound.
#
# The files are fetched at the first use. With `MOBENCH_NOTEBOOKS=small` in the environment the notebook
# trains for fewer steps.

# %%
import os
import tempfile
from pathlib import Path

import mobench

IS_SMALL = os.environ.get("MOBENCH_NOTEBOOKS") == "small"
STEPS = 150 if IS_SMALL else 3000

# %% [markdown]
# ## All trade-offs
#
# `adult` is a registered dataset. A table of your own is made by `mobench.dataset`, with the objectives
# `mobench.cross_entropy("income")` and `mobench.demographic_parity("sex", head="income")`.

# %%
front = mobench.fit("phn-ls", "adult", steps=STEPS, seed=0, n_rays=11, progress=False)
table = front.table
columns = ["cross-entropy", "demographic-parity", "cross-entropy/accuracy"]
table[["preference demographic-parity", *columns]].round(3)

# %%
axes = front.plot()

# %%
fairest, best = table["demographic-parity"].idxmin(), table["cross-entropy"].idxmin()
for name, row in (("smallest gap", fairest), ("smallest cross-entropy", best)):
    print(
        f"{name}: cross-entropy {table['cross-entropy'][row]:.3f}, gap {table['demographic-parity'][row]:.3f}, "
        f"accuracy {table['cross-entropy/accuracy'][row]:.3f}"
    )

# %% [markdown]
# ## Choose under a bound
#
# The bound here is half of the largest gap of the front. `choose` returns the preference whose gap is
# within the bound and whose cross-entropy is smallest, both on the validation part. A bound that the
# front does not attain is an error that says what it does attain.

# %%
bound = table["demographic-parity"].max() / 2
preference = front.choose({"demographic-parity": bound})
print(f"bound {bound:.3f}: preference", preference.round(2).tolist())

# %%
try:
    front.choose({"demographic-parity": -1.0})
except mobench.errors.OptionError as error:
    print(error)

# %% [markdown]
# ## What it costs
#
# The choice was made on the validation part. The test part, which no choice has used, shows what can be
# expected on new people.

# %%
test = front.table_of("test")
row = ((test.filter(like="preference ") - preference).abs().sum(axis=1)).idxmin()
test.loc[[best, row, fairest], columns].set_axis(["smallest loss", "chosen", "smallest gap"]).round(3)

# %% [markdown]
# ## Keep the classifier

# %%
folder = Path(tempfile.mkdtemp())
network = front.network(preference)
network.to_onnx(folder / "classifier.onnx")
front.save(folder / "front.safetensors")
print({path.name: f"{path.stat().st_size / 1e3:.0f} kB" for path in sorted(folder.iterdir())})
