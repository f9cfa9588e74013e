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
# # Your own module
#
# Any torch module can be trained as a Pareto front: one set of weights for every trade-off between the
# objectives. This notebook predicts two targets of scikit-learn's diabetes table with a small network of
# two heads.
#
# With `MOBENCH_NOTEBOOKS=small` in the environment the notebook trains for fewer epochs.

# %%
import os
import tempfile
from pathlib import Path

import torch
from sklearn.datasets import load_diabetes
from torch import nn

import mobench

IS_SMALL = os.environ.get("MOBENCH_NOTEBOOKS") == "small"
EPOCHS = 5 if IS_SMALL else 200

# %% [markdown]
# ## Data and objectives
#
# The targets are the progression of the disease and the blood pressure, which is taken out of the inputs.
# Real targets are standardised, so a mean squared error of 1 is that of predicting the mean.

# %%
frame, progression = load_diabetes(return_X_y=True, as_frame=True)
pressure = frame.pop("bp")
data = mobench.dataset(
    frame,
    {"progression": progression, "pressure": pressure},
    [mobench.mse("progression"), mobench.mse("pressure")],
)
print(len(frame), "rows,", frame.shape[1], "inputs")


# %% [markdown]
# ## The module
#
# The module returns one output for each head. Its layers are the architecture: mobench initialises them
# again for each seed, and a hypernetwork generates their weights.


# %%
class TwoHeads(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(9, 16), nn.ReLU())
        self.progression, self.pressure = nn.Linear(16, 1), nn.Linear(16, 1)

    def forward(self, x):
        features = self.trunk(x)
        return {"progression": self.progression(features), "pressure": self.pressure(features)}


# %% [markdown]
# ## Train a front

# %%
front = mobench.fit("phn-ls", data, TwoHeads(), epochs=EPOCHS, seed=0, progress=False)
front.table.iloc[::6][["preference pressure", "progression", "pressure"]].round(3)

# %%
axes = front.plot()

# %% [markdown]
# ## Use it
#
# A network at a preference is called with raw inputs, such as rows of the frame.

# %%
x_new = frame.iloc[:3]
for preference in ([0.9, 0.1], [0.1, 0.9]):
    outputs = front.network(preference)(x_new)
    for name, values in outputs.items():
        print(preference, name, [f"{value:.2f}" for value in values.flatten().tolist()])

# %% [markdown]
# A saved front gives the same predictions to the bit. Files hold no code, so the module is passed again.

# %%
path = Path(tempfile.mkdtemp()) / "front.safetensors"
front.save(path)
loaded = mobench.load(path, model=TwoHeads)
outputs, outputs_again = front.network([0.3, 0.7])(x_new), loaded.network([0.3, 0.7])(x_new)
print("equal to the bit:", all(torch.equal(outputs[name], outputs_again[name]) for name in outputs))
