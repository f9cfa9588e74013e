"""Target networks: counts by hand, shapes, refusals."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import nn

from mobench import options
from mobench.errors import IncompatibleError, OptionError
from mobench.interfaces import Model
from mobench_analytic.problems import VLMOP2
from mobench_multimnist.dataset import MultiMnist
from mobench_networks.lenet import CosmosLeNet, LeNet
from mobench_networks.mtl_cnn import MtlCnn


@dataclass(frozen=True)
class Shaped(MultiMnist):
    """Two heads of ten on inputs of any shape."""

    shape: tuple[int, ...] = (1, 36, 36)

    @property
    def input_shape(self) -> tuple[int, ...]:
        return self.shape


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_lenet_has_the_papers_parameters() -> None:
    """conv 9·9·10 + 10, conv 5·5·10·20 + 20, dense 500·50 + 50, two heads 50·10 + 10."""
    by_hand = (810 + 10) + (5000 + 20) + (25_000 + 50) + 2 * 510
    assert count(LeNet().build(MultiMnist())) == by_hand == 31_910


def test_the_lenet_of_cosmos_has_its_parameters() -> None:
    """conv 5·5·10 + 10, conv 5·5·10·20 + 20, dense 720·50 + 50, two heads 50·10 + 10."""
    by_hand = (250 + 10) + (5000 + 20) + (36_000 + 50) + 2 * 510
    assert count(CosmosLeNet().build(MultiMnist())) == by_hand == 42_350


def test_the_lenet_of_cosmos_is_that_of_its_code() -> None:
    """The layers in the order of the paper's code, with the same weights."""
    torch.manual_seed(0)
    net = CosmosLeNet().build(MultiMnist())
    shared = nn.Sequential(
        net.conv1, nn.MaxPool2d(2), nn.ReLU(), net.conv2, nn.MaxPool2d(2), nn.ReLU(), nn.Flatten(), net.dense, nn.ReLU()
    )
    x = torch.randn(3, 1, 36, 36)
    for side in ("left", "right"):
        torch.testing.assert_close(net(x)[side], net.heads.layers[side](shared(x)))


def test_lenet_rectifies_and_pools_in_an_order_that_does_not_matter() -> None:
    torch.manual_seed(0)
    net = LeNet().build(MultiMnist())
    x = torch.randn(3, 1, 36, 36)
    h = nn.functional.max_pool2d(net.conv1(x).relu(), 2)
    h = nn.functional.max_pool2d(net.conv2(h).relu(), 2)
    expected = net.heads.layers["left"](net.dense(h.flatten(1)))
    torch.testing.assert_close(net(x)["left"], expected)


def test_mtl_cnn_has_the_reports_layers() -> None:
    """convs 3·3: 1→32→64→96 on 36: 34, pool 17, 15, pool 7, 5; dense 5·5·96 → 128; two heads."""
    by_hand = (9 * 32 + 32) + (9 * 32 * 64 + 64) + (9 * 64 * 96 + 96) + (5 * 5 * 96 * 128 + 128) + 2 * (1280 + 10)
    assert count(MtlCnn().build(MultiMnist())) == by_hand
    assert count(MtlCnn(filters=(8, 16, 24), width=32).build(MultiMnist())) < by_hand


@pytest.mark.parametrize("model", [LeNet(), CosmosLeNet(), MtlCnn()])
@pytest.mark.parametrize("shape", [(1, 36, 36), (3, 32, 32), (1, 28, 40), (2, 29, 31)])
def test_a_head_per_task_for_images_of_any_size(model: Model, shape: tuple[int, ...]) -> None:
    net = model.build(Shaped(shape=shape))
    outputs = net(torch.rand(5, *shape))
    assert {name: tuple(o.shape) for name, o in outputs.items()} == {"left": (5, 10), "right": (5, 10)}
    sum(o.sum() for o in outputs.values()).backward()
    assert all(p.grad is not None and bool(p.grad.any()) for p in net.parameters())


@pytest.mark.parametrize("model", [LeNet(), CosmosLeNet(), MtlCnn()])
def test_what_is_no_image_is_refused_with_the_reason(model: Model) -> None:
    with pytest.raises(IncompatibleError, match="takes images"):
        model.build(VLMOP2())
    with pytest.raises(IncompatibleError, match="at least"):
        model.build(Shaped(shape=(1, 8, 8)))


def test_dropout_is_only_for_training() -> None:
    torch.manual_seed(0)
    net = MtlCnn(dropout=0.9).build(MultiMnist())
    x = torch.rand(4, 1, 36, 36)
    assert not torch.equal(net(x)["left"], net(x)["left"])
    net.eval()
    assert torch.equal(net(x)["left"], net(x)["left"])


@pytest.mark.parametrize("values", [{"filters": [1, 2]}, {"filters": [0, 1, 2]}, {"dropout": 1.0}, {"width": 0}])
def test_impossible_options_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(OptionError):
        options.build(MtlCnn, values)
