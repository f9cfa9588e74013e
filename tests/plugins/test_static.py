"""The static hypernetwork: parameter counts of its paper, the factorisation by hand, tiling."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import Tensor

from mobench.errors import IncompatibleError
from mobench.interfaces import Problem
from mobench.jobs.job import Budget
from mobench.jobs.resolve import resolve
from mobench_images.cnn import MnistCnn
from mobench_images.dataset import Cifar10, Mnist
from mobench_multimnist.dataset import MultiMnist
from mobench_static.kernels import StaticKernelNetwork, StaticKernels
from mobench_wide_resnet.wide_resnet import WideResNet

ONE = torch.ones(1, 1)


def network(options: StaticKernels | None = None) -> StaticKernelNetwork:
    torch.manual_seed(0)
    built = (options or StaticKernels()).build(Problem(Mnist(source="embedded"), MnistCnn()), ONE)
    assert isinstance(built, StaticKernelNetwork)
    return built


def test_4240_parameters_in_the_place_of_12544() -> None:
    """arXiv 1609.09106, table 1: 12,544 against 4,240, or 4,244 with the embedding."""
    static_network = network()
    assert static_network.problem.shapes["conv2.weight"].numel() == 12_544
    assert static_network.n_generated_layers == 1
    assert static_network.n_hypernetwork_parameters == 4_240
    assert static_network.n_hypernetwork_parameters + static_network.embeddings.numel() == 4_244
    assert static_network.n_stored_parameters == static_network.problem.n_target_parameters - 12_544 + 4_244


@pytest.mark.parametrize(("f", "n", "nz", "d"), [(7, 16, 4, 4), (5, 8, 3, 6), (3, 4, 64, 64)])
def test_the_count_is_the_papers_formula(f: int, n: int, nz: int, d: int) -> None:
    problem = Problem(Mnist(source="embedded"), MnistCnn(channels=n, kernel=f))
    static_network = StaticKernels(kernel=f, basic=(n, n), embedding=nz, hidden=d).build(problem, ONE)
    assert isinstance(static_network, StaticKernelNetwork)
    assert static_network.n_hypernetwork_parameters == d * (nz + 1) * n + f * n * f * (d + 1)


def test_wide_residual_network_has_36_generated_layers_of_966_embeddings() -> None:
    """2.236 M and 0.148 M in the paper's table 2, which leaves shortcuts and biases open."""
    problem = Problem(Cifar10(), WideResNet())
    options = StaticKernels(kernel=3, embedding=64, hidden=64)
    static_network = options.build(problem, ONE)
    assert isinstance(static_network, StaticKernelNetwork)
    assert static_network.n_generated_layers == 36
    assert len(static_network.embeddings) == 966
    assert static_network.n_hypernetwork_parameters == 64 * 65 * 16 + 3 * 16 * 3 * 65
    assert (problem.n_target_parameters, static_network.n_stored_parameters) == (2_235_498, 147_578)
    assert problem.n_target_parameters == pytest.approx(2_236_000, rel=3e-4)
    assert round(static_network.n_stored_parameters / 1e6, 3) == 0.148
    # by hand: 3×3 kernels and biases, 1 + 36 layers; gains and shifts before each and at the end; 128 → 10
    widths = [16, *[32] * 12, *[64] * 12, *[128] * 12]
    kernels = 27 * 16 + sum(9 * a * b for a, b in pairwise(widths))
    normalised = sum(widths[:-1]) + 128
    assert problem.n_target_parameters == kernels + sum(widths) + 2 * normalised + 128 * 10 + 10
    bare = Problem(Cifar10(), WideResNet(bias=False)).n_target_parameters
    assert problem.n_target_parameters - bare == sum(widths)


def by_hand(static_network: StaticKernelNetwork, z: Tensor) -> Tensor:
    """Kernel [N_out, N_in, f, f] of one embedding, entry by entry as equation 2 and the text say."""
    n_in, n_out, f = 16, 16, 7
    kernel = torch.empty(n_out, n_in, f, f)
    for i in range(n_in):
        a = static_network.into[i] @ z + static_network.into_bias[i]
        piece = (static_network.out @ a + static_network.out_bias).reshape(f, n_out, f)
        for o in range(n_out):
            kernel[o, i] = piece[:, o, :]
    return kernel


def test_a_kernel_is_the_papers_two_layers() -> None:
    static_network = network()
    with torch.no_grad():
        static_network.into_bias.normal_()
        static_network.out_bias.normal_()
        torch.testing.assert_close(
            static_network.weights(ONE)["conv2.weight"][0], by_hand(static_network, static_network.embeddings[0])
        )


def test_a_larger_layer_is_tiled() -> None:
    problem = Problem(Mnist(source="embedded"), MnistCnn(channels=32))
    static_network = StaticKernels().build(problem, ONE)
    assert isinstance(static_network, StaticKernelNetwork)
    kernel, basic = static_network.weights(ONE)["conv2.weight"][0], static_network.basic_kernels()
    assert len(basic) == 4
    for o in range(2):
        for i in range(2):
            torch.testing.assert_close(kernel[16 * o : 16 * o + 16, 16 * i : 16 * i + 16], basic[2 * o + i])


def test_kernels_start_with_the_variance_of_their_fan_in() -> None:
    """Over 40 seeds the mean square is 2 / fan-in, as He et al. have it, for layers of any width."""
    for channels in (16, 48):
        problem = Problem(Mnist(source="embedded"), MnistCnn(channels=channels))
        squares = []
        for seed in range(40):
            torch.manual_seed(seed)
            kernel = StaticKernels(embedding=16, hidden=16).build(problem, ONE).weights(ONE)["conv2.weight"]
            squares.append(kernel.detach().square().mean())
        assert float(torch.stack(squares).mean()) == pytest.approx(2 / (49 * channels), rel=0.2)


def test_gradients_reach_embeddings_and_agree_with_the_chain_rule() -> None:
    """∂/∂z of a sum over the kernel, against finite differences."""
    static_network = network().double()
    direction = torch.randn(16, 16, 7, 7, dtype=torch.float64)
    (static_network.weights(ONE.double())["conv2.weight"][0] * direction).sum().backward()
    assert static_network.embeddings.grad is not None
    h = 1e-5
    for j in range(4):
        values = []
        for sign in (1, -1):
            with torch.no_grad():
                static_network.embeddings[0, j] += sign * h
                values.append(float((static_network.weights(ONE.double())["conv2.weight"][0] * direction).sum()))
                static_network.embeddings[0, j] -= sign * h
        assert float(static_network.embeddings.grad[0, j]) == pytest.approx((values[0] - values[1]) / (2 * h), rel=1e-6)


def test_what_it_cannot_serve_is_refused_with_the_reason() -> None:
    with pytest.raises(IncompatibleError, match="2 objectives"):
        resolve("multimnist", "lenet", "static", {"source": "embedded"}, Budget(steps=1))
    with pytest.raises(IncompatibleError, match="no 9×9 convolution"):
        StaticKernels(kernel=9).build(Problem(Mnist(source="embedded"), MnistCnn()), ONE)
    StaticKernels().check(Mnist())
    with pytest.raises(IncompatibleError):
        StaticKernels().check(MultiMnist())
