"""The straightforward implementation, as in scripts of papers: the other side of every ratio.

NCHW, ReLU before the pool, one preference at a time, each objective's gradient taken through the
hypernetwork, one convex program per step handed to a general solver, Adam without fusing, and
judging ray by ray, with the weights generated again for every batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import cvxpy as cp
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

Weights = dict[str, Tensor]
SHAPES: dict[str, tuple[int, ...]] = {
    "conv1.weight": (10, 1, 9, 9), "conv1.bias": (10,), "conv2.weight": (20, 10, 5, 5), "conv2.bias": (20,),
    "dense.weight": (50, 500), "dense.bias": (50,),
    "left.weight": (10, 50), "left.bias": (10,), "right.weight": (10, 50), "right.bias": (10,),
}  # fmt: skip


class Hypernetwork(nn.Module):
    """preference -> MLP -> one linear layer per tensor of LeNet (arXiv 2010.04104)."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(2, 100), nn.ReLU(), nn.Linear(100, 100), nn.ReLU(), nn.Linear(100, 100))
        self.names = {name.replace(".", "_"): name for name in SHAPES}
        for attribute, name in self.names.items():
            setattr(self, attribute, nn.Linear(100, int(np.prod(SHAPES[name]))))

    def forward(self, preference: Tensor) -> Weights:
        h = self.trunk(preference)
        return {name: getattr(self, a)(h).view(SHAPES[name]) for a, name in self.names.items()}


class Net(nn.Module):
    """A plain LeNet."""

    def __init__(self) -> None:
        super().__init__()
        self.held = nn.ParameterDict(
            {name.replace(".", "_"): nn.Parameter(0.1 * torch.randn(shape)) for name, shape in SHAPES.items()}
        )

    def forward(self) -> Weights:
        return {name: self.held[name.replace(".", "_")] for name in SHAPES}


def predict(w: Weights, x: Tensor) -> tuple[Tensor, Tensor]:
    x = F.max_pool2d(F.relu(F.conv2d(x, w["conv1.weight"], w["conv1.bias"])), 2)
    x = F.max_pool2d(F.relu(F.conv2d(x, w["conv2.weight"], w["conv2.bias"])), 2)
    x = F.linear(x.flatten(1), w["dense.weight"], w["dense.bias"])
    return F.linear(x, w["left.weight"], w["left.bias"]), F.linear(x, w["right.weight"], w["right.bias"])


def losses_of(w: Weights, x: Tensor, labels: tuple[Tensor, Tensor]) -> Tensor:
    left_logits, right_logits = predict(w, x)
    return torch.stack([F.cross_entropy(left_logits, labels[0]), F.cross_entropy(right_logits, labels[1])])


class Trainer:
    """Linear scalarisation or EPO with a network that generates weights."""

    def __init__(self, maker: nn.Module, epo: bool) -> None:
        self.maker, self.epo = maker, EPOProgram(2) if epo else None
        self.optimiser = torch.optim.Adam(maker.parameters(), lr=1e-3, foreach=False, fused=False)

    def step(self, preference: Tensor, x: Tensor, labels: tuple[Tensor, Tensor]) -> None:
        self.optimiser.zero_grad()
        weights = self.maker(preference) if isinstance(self.maker, Hypernetwork) else self.maker()
        losses = losses_of(weights, x, labels)
        alpha = preference
        if self.epo is not None:
            parameters = list(self.maker.parameters())
            rows = [
                torch.cat([g.flatten() for g in torch.autograd.grad(loss, parameters, retain_graph=True)])
                for loss in losses
            ]
            jacobian = torch.stack(rows)
            gram = (jacobian @ jacobian.T).double().numpy()
            solution = self.epo.solve(losses.detach().double().numpy(), preference.double().numpy(), gram)
            alpha = torch.tensor(solution, dtype=torch.float32) * 2
        (alpha * losses).sum().backward()
        self.optimiser.step()


class EPOProgram:
    """The linear program of exact Pareto optimal search, in a general solver."""

    def __init__(self, m: int) -> None:
        self.m = m
        self.alpha = cp.Variable(m, nonneg=True)
        self.objective, self.rows = cp.Parameter(m), cp.Parameter((m, m))
        self.bounds = cp.Parameter(m)
        constraints = [cp.sum(self.alpha) == 1, self.rows @ self.alpha >= self.bounds]
        self.balance = cp.Problem(cp.Maximize(self.objective @ self.alpha), constraints)
        self.level = cp.Parameter()
        self.anchor = cp.Parameter(m)
        self.descend = cp.Problem(
            cp.Maximize(self.objective @ self.alpha), [*constraints, self.anchor @ self.alpha >= self.level]
        )

    def solve(self, losses: Any, preference: Any, gram: Any) -> Any:
        rl = preference * losses
        normal = rl / rl.sum()
        mu = float((normal * np.log(self.m * normal)).sum())
        anchor = preference * (np.log(self.m * normal) - mu)
        scale = max(np.abs(gram).max(), 1e-12)
        gram = gram / scale
        pulled = gram @ anchor
        far = -1e3
        if mu > 1e-4:
            if (pulled > 0).any():
                bounds = np.where(pulled > 0, far, pulled)
                bounds[rl.argmax()] = 0
            else:
                bounds = np.zeros(self.m)
            self.objective.value, self.rows.value, self.bounds.value = pulled, gram, bounds
            program = self.balance
        else:
            self.objective.value, self.rows.value, self.bounds.value = gram.sum(0), gram, np.zeros(self.m)
            self.anchor.value, self.level.value = pulled, min(pulled.max(), 0)
            program = self.descend
        program.solve(solver=cp.CLARABEL)
        return normal if self.alpha.value is None else self.alpha.value


def solved_anew(cost: Any, rows: Any, bounds: Any) -> Any:
    """A linear program on the simplex, stated from nothing each time, as scripts do that keep no parameters."""
    alpha = cp.Variable(len(cost), nonneg=True)
    cp.Problem(cp.Maximize(cost @ alpha), [cp.sum(alpha) == 1, rows @ alpha >= bounds]).solve(solver=cp.CLARABEL)
    return alpha.value


def min_norm_anew(root: Any) -> Any:
    """The min-norm point, stated from nothing each time. root: [m, n], columns in proportion to gradients."""
    alpha = cp.Variable(root.shape[1], nonneg=True)
    cp.Problem(cp.Minimize(cp.sum_squares(root @ alpha)), [cp.sum(alpha) == 1]).solve(solver=cp.CLARABEL)
    return alpha.value


def decomposition_anew(losses: Any, preference: Any, root: Any) -> Any:
    """The joint dual of the decomposition methods (arXiv 1912.12854) over losses and active constraints."""
    m = len(losses)
    if m == 2:
        angles = np.linspace(0, np.pi / 2, 5)
        references = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    else:
        from pymoo.util.ref_dirs import get_reference_directions

        references = get_reference_directions("das-dennis", m, n_partitions=4)
        references /= np.linalg.norm(references, axis=1, keepdims=True)
    direction = 1 / preference / np.linalg.norm(1 / preference)
    active = (references - direction)[(references - direction) @ losses >= -1e-3]
    combined = np.vstack([np.eye(m), active])
    beta = min_norm_anew(root @ combined.T)
    return beta @ combined


class MinNormProgram:
    """min over the simplex of ‖Σ α_i g_i‖², in a general solver."""

    def __init__(self, m: int) -> None:
        self.alpha = cp.Variable(m, nonneg=True)
        self.root = cp.Parameter((m, m))
        self.program = cp.Problem(cp.Minimize(cp.sum_squares(self.root @ self.alpha)), [cp.sum(self.alpha) == 1])

    def solve(self, root: Any) -> Any:
        """root: [m, m] whose columns have the inner products of the gradients."""
        self.root.value = root
        self.program.solve(solver=cp.CLARABEL)
        return self.alpha.value


def batches(x: Tensor, labels: tuple[Tensor, Tensor], size: int) -> Iterator[tuple[Tensor, tuple[Tensor, Tensor]]]:
    for start in range(0, len(x), size):
        part = slice(start, start + size)
        yield x[part], (labels[0][part], labels[1][part])


def evaluate(
    hypernetwork: Callable[[Tensor], Weights], rays: Sequence[Tensor], x: Tensor, labels: tuple[Tensor, Tensor]
) -> list[list[float]]:
    """Mean losses and accuracies of every ray."""
    rows = []
    with torch.no_grad():
        for ray in rays:
            sums = np.zeros(4)
            for part, batch_labels in batches(x, labels, 256):
                left_logits, right_logits = predict(hypernetwork(ray), part)
                values = [
                    F.cross_entropy(left_logits, batch_labels[0]).item(),
                    F.cross_entropy(right_logits, batch_labels[1]).item(),
                    (left_logits.argmax(1) == batch_labels[0]).float().mean().item(),
                    (right_logits.argmax(1) == batch_labels[1]).float().mean().item(),
                ]
                sums += np.array(values) * len(part)
            rows.append((sums / len(x)).tolist())
    return rows
