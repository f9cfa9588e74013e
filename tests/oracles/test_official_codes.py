"""Steps of balancers on three quadratics, against the numbers of the authors' codes and of LibMTL.

The problem has three losses ½ Σ_c S_ic (x_c − C_ic)² + ½ (h_i − 1)² + 0.1 of a shared vector x and one task-specific
parameter h_i each. Every row of CASES was computed by running the named code, in double precision, on this problem:
its class computes the gradients, and x and h take steps of gradient descent with learning rate 0.05. The codes are
those of the commits 4336804 (LibMTL), 3f577f1 (SamsungLabs/MTL), 2b8cba1 (OptMN-Lab/fairgrad) and 9486243
(tum-pbs/ConFIG). LibMTL's ExcessMTL, STCH and DB-MTL are the authors' files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

from mobench.interfaces import (
    Balancer,
    Dataset,
    Model,
    Objective,
    Outputs,
    Problem,
    Protocol,
    Samples,
    Seeds,
    Setting,
    Split,
)
from mobench.learning.gradient_solver import GradientOptions, GradientSolver
from mobench.learning.preferences import finite_rays
from mobench_aligned_mtl.aligned import AlignedMTL
from mobench_config.config import ConFIG
from mobench_db_mtl.db_mtl import DBMTL
from mobench_excess_mtl.excess import ExcessMTL
from mobench_fairgrad.fairgrad import FairGrad
from mobench_gradnorm.gradnorm import GradNorm
from mobench_gradvac.gradvac import GradVac, gradvac_weights
from mobench_imtl_g.imtl_l import IMTL
from mobench_linear.stack import Stack
from mobench_log_losses.geometric import GeometricMean
from mobench_moco.moco import MoCo
from mobench_modo.sdmgrad import SDMGrad
from mobench_smooth_tchebycheff.logarithmic import LogarithmicTchebycheff

START, HEADS = [0.5, -1.0, 2.0, 0.25], [0.5, 2.0, -1.0]
CENTRES = [[1.0, 0.0, -1.0, 2.0], [-2.0, 1.0, 0.5, 0.0], [0.0, -1.0, 3.0, -1.0]]
SCALES = [[1.0, 2.0, 0.5, 1.0], [3.0, 1.0, 1.0, 0.25], [0.5, 4.0, 1.0, 2.0]]
LR = 0.05


class Quadratics(Dataset):
    @property
    def objectives(self) -> tuple[Objective, ...]:
        return tuple(Objective(f"f{i}", self._function(i)) for i in range(3))

    def _function(self, i: int) -> Callable[[Outputs, Samples], Tensor]:
        def value(outputs: Outputs, batch: Samples) -> Tensor:
            x, h = outputs["x"], outputs[f"h{i}"]
            scales, centres = x.new_tensor(SCALES[i]), x.new_tensor(CENTRES[i])
            return 0.5 * (scales * (x - centres).square()).sum() + 0.5 * (h - 1).square().sum() + 0.1

        return value

    @property
    def heads(self) -> Mapping[str, int]:
        return {"x": 4, "h0": 1, "h1": 1, "h2": 1}

    @property
    def input_shape(self) -> tuple[int, ...]:
        return (0,)

    @property
    def protocol(self) -> Protocol:
        return Protocol("quadratics-1", reference=(2.0,) * 3, ideal=(0.0,) * 3, nadir=(1.0,) * 3)

    def load(self, split: Split) -> Samples:
        return Samples(torch.zeros(1, 0))


class Parameters(Model):
    def build(self, dataset: Dataset) -> nn.Module:
        return _Parameters()


class _Parameters(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.x = nn.Parameter(torch.tensor(START))
        self.h0, self.h1, self.h2 = (nn.Parameter(torch.tensor([h])) for h in HEADS)

    def forward(self, inputs: Tensor) -> dict[str, Tensor]:
        return {"x": self.x, "h0": self.h0, "h1": self.h1, "h2": self.h2}


@dataclass(eq=False)
class InOrder(GradVac):
    """GradVac without random numbers: every gradient meets the others in their order, as the reference was run."""

    task_gradients: ClassVar[Any] = "plain"

    def __call__(self, losses: Tensor, preferences: Tensor, gram: Tensor | None) -> Tensor:
        assert gram is not None
        order = torch.arange(3).expand(1, 3, 3)
        weights, self.averages = gradvac_weights(gram, order, self.averages, self.beta)
        return weights


PLAIN = [0.5713125, 1.857375, -0.71475]
"""h after three steps along the gradients of their own losses."""

CASES: dict[str, tuple[Balancer, int, list[float], list[float]]] = {
    # LibMTL's GradNorm weights no task-specific gradient: its h are not those of the balancer
    "GradNorm, LibMTL": (
        GradNorm(asymmetry=1.5, rate=0.1, baseline="first-epoch"),
        5,
        [-0.5659835292, -0.5261291708, 1.6314104153, 0.1001007312],
        [],
    ),
    "GLS, LibMTL": (
        GeometricMean(),
        3,
        [0.33140464, -0.8495698981, 1.9483596946, 0.1688973683],
        [0.5307544966, 1.9747852963, -0.8475070093],
    ),
    "IMTL, LibMTL": (
        IMTL(rate=0.1),
        4,
        [0.4878447783, -0.8640224334, 1.9677726133, 0.1700043385],
        [0.5812139966, 1.8375885683, -0.6749951626],
    ),
    "ExcessMTL, LibMTL": (
        ExcessMTL(rate=0.5),
        4,
        [-0.4121411998, -0.6040539815, 1.7400338239, 0.0527175388],
        [0.5906694453, 1.8366744673, -0.577222584],
    ),
    "STCH, LibMTL": (
        LogarithmicTchebycheff(mu=0.5, warm_up=1),
        6,
        [0.3437803618, -0.8600901457, 1.9507123567, 0.175775649],
        [0.5292629714, 1.9763561052, -0.8567619174],
    ),
    "DB-MTL, LibMTL": (
        DBMTL(decay=0.9, decay_power=0.25),
        4,
        [0.4528527584, -0.9525879084, 1.983589782, 0.2304614951],
        [0.519268779, 1.9846997898, -0.9052255849],
    ),
    "MoCo, LibMTL": (
        MoCo(tracking_rate=0.5, tracking_power=0.5, weights_rate=0.1, weights_power=0.5, rho=0.2),
        4,
        [0.2845870057, -0.777710773, 1.9113445493, 0.174917676],
        [0.592746875, 1.81450625, -0.6290125],
    ),
    # the reference had one batch as all its batches, and accumulates the gradients of h over them
    "SDMGrad, LibMTL": (
        SDMGrad(strength=0.3, n_iterations=20, weights_rate=5.0, weights_momentum=0.5),
        3,
        [0.4754594013, -0.7508388712, 1.8094500313, 0.4329022182],
        [],
    ),
    "GradVac, LibMTL": (
        InOrder(beta=0.5),
        4,
        [-0.5191300416, -0.5593549773, 1.6832317939, -0.0389997523],
        [0.592746875, 1.81450625, -0.6290125],
    ),
    "Aligned-MTL min, SamsungLabs": (
        AlignedMTL(),
        3,
        [0.3943660146, -0.7681554102, 1.9219438201, 0.1263897971],
        PLAIN,
    ),
    "Aligned-MTL median, SamsungLabs": (
        AlignedMTL(scale="median"),
        3,
        [0.0578471111, -0.7507094967, 1.5925179752, 0.0396055527],
        PLAIN,
    ),
    "Aligned-MTL rmse, SamsungLabs": (
        AlignedMTL(scale="rmse"),
        3,
        [-0.0762521014, -0.6414715175, 1.7708243163, 0.1434174222],
        PLAIN,
    ),
    "ConFIG, tum-pbs": (ConFIG(), 3, [0.4849862388, -0.6850240168, 1.8764029708, 0.0263406418], PLAIN),
    "FairGrad α = 1, OptMN-Lab": (
        FairGrad(fairness=1.0),
        3,
        [0.438565253, -0.8826787626, 1.9667106644, 0.1880591675],
        PLAIN,
    ),
    "FairGrad α = 2, OptMN-Lab": (FairGrad(), 3, [0.4734731086, -0.8749283574, 1.9699663877, 0.177716682], PLAIN),
    "FairGrad α = 2, longer steps, OptMN-Lab": (
        FairGrad(max_norm=3.0),
        3,
        [0.4512637488, -0.6608416743, 1.8682699695, 0.0033051273],
        PLAIN,
    ),
    "FairGrad α = 0.5, no bound, OptMN-Lab": (
        FairGrad(fairness=0.5, max_norm=0.0),
        3,
        [-0.0001668979, -0.7179473022, 1.6047068219, 0.0056287448],
        PLAIN,
    ),
}


@pytest.mark.parametrize(("balancer", "n_steps", "x", "h"), CASES.values(), ids=list(CASES))
def test_steps_are_those_of_the_reference_code(
    balancer: Balancer, n_steps: int, x: list[float], h: list[float]
) -> None:
    problem = Problem(Quadratics(), Parameters(), dtype=torch.float64)
    solver = GradientSolver(Stack(), balancer, GradientOptions(optimiser="sgd", lr=LR))
    solver.start(problem, Setting(finite_rays(3), Seeds(), 2, n_steps))
    batch = problem.dataset.load("train")
    for _ in range(n_steps):
        solver.step(*[batch] * solver.n_batches)
    network: Any = solver.network
    after = {name: stacked[0].detach() for name, stacked in zip(problem.shapes, network.stacked, strict=True)}
    # FairGrad's authors solve their equation by SciPy's least squares, with its default tolerances
    tolerance = 1e-5 if isinstance(balancer, FairGrad) else 2e-9
    torch.testing.assert_close(after["x"], torch.tensor(x, dtype=torch.float64), atol=tolerance, rtol=0)
    if h:
        heads = torch.cat([after[f"h{i}"] for i in range(3)])
        torch.testing.assert_close(heads, torch.tensor(h, dtype=torch.float64), atol=tolerance, rtol=0)
