"""Any torch module: forms of outputs, new networks of an architecture, and structures in files."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from own_data import SMALL, small_module, table
from torch import Tensor, nn

import mobench
from mobench.errors import IncompatibleError, ShapeError, StoreError
from mobench.fronts.identity import module_hash
from mobench.fronts.module_model import ModuleModel, by_head, reset
from mobench.fronts.module_structure import ModuleStructure, build, structure_of

HEADS = {"income": 2, "price": 1}


class Returns(nn.Module):
    """A network with two outputs, returned in a form."""

    def __init__(self, form: str) -> None:
        super().__init__()
        self.form, self.linear = form, nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Any:
        y = self.linear(x)
        return {
            "mapping": {"price": y[:, 2:], "income": y[:, :2], "extra": y},
            "tuple": (y[:, :2], y[:, 2]),
            "tensor": y,
            "wide": torch.cat([y, y], 1),
            "wrong mapping": {"price": y[:, 2:]},
            "wrong tuple": (y[:, :2],),
            "wrong width": {"income": y, "price": y[:, 2:]},
            "text": "y",
        }[self.form]


def two_targets() -> mobench.Dataset:
    x, targets = table()
    return mobench.dataset(x, targets, [mobench.cross_entropy("income"), mobench.mse("price")])


def test_every_form_of_outputs_gives_the_same_training() -> None:
    data = two_targets()
    digests = {mobench.fit("ls", data, Returns(form), **SMALL).record.digest for form in ("mapping", "tuple", "tensor")}
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("form", "returned"),
    [("wide", r"a tensor \[84, 6\]"), ("wrong mapping", r"a mapping with 'price' a tensor \[84, 1\]"),
     ("wrong tuple", r"tuple of a tensor \[84, 2\]"), ("wrong width", "a mapping with 'income'"), ("text", "str")],
)  # fmt: skip
def test_other_outputs_are_declined_before_training(form: str, returned: str) -> None:
    message = rf"the module returned {returned}.*return a mapping with the heads 'income' \[B, 2\], 'price' \[B, 1\], a"
    with pytest.raises(ShapeError, match=message):
        mobench.fit("ls", two_targets(), Returns(form), **SMALL)


def test_a_class_or_function_is_called_for_each_network() -> None:
    data = two_targets()
    calls = []

    def new() -> nn.Module:
        calls.append(1)
        return Returns("tensor")

    front = mobench.fit("ls", data, new, **SMALL)
    assert len(calls) > 5
    assert isinstance(front.network(0).module, Returns)
    with pytest.raises(IncompatibleError, match="model returned int: pass a torch module"):
        mobench.fit("ls", data, lambda: 3, **SMALL)  # type: ignore[arg-type, return-value]


def test_a_single_output_without_an_axis_is_a_column() -> None:
    assert by_head(torch.zeros(4), {"a": 1})["a"].shape == (4, 1)
    assert by_head({"a": torch.zeros(4), "b": torch.zeros(4, 3)}, {})["a"].shape == (4, 1)
    with pytest.raises(ShapeError, match="state heads="):
        by_head((torch.zeros(4),), {})


class Custom(nn.Module):
    """A layer with its own initialisation, around a layer of torch, and a parameter without one."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(2, 2)
        self.offset = nn.Parameter(torch.full((2,), 3.0))

    def reset_parameters(self) -> None:
        nn.init.constant_(self.inner.weight, 7.0)


class Plain(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((2,), 5.0))


def test_layers_start_again_and_the_initialisation_of_outer_ones_wins() -> None:
    module = nn.Sequential(Custom(), nn.Linear(2, 2), Plain())
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    torch.manual_seed(1)
    network = ModuleModel(module).new_module()
    after = network.state_dict()
    assert torch.equal(after["0.inner.weight"], torch.full((2, 2), 7.0))
    assert not torch.equal(after["0.inner.bias"], before["0.inner.bias"])
    assert not torch.equal(after["1.weight"], before["1.weight"])
    assert torch.equal(after["2.weight"], before["2.weight"]), "a parameter without a method stays"
    assert all(torch.equal(module.state_dict()[name], before[name]) for name in before)
    kept_weights = ModuleModel(module, pretrained=True).new_module().state_dict()
    assert all(torch.equal(kept_weights[name], before[name]) for name in before)


def test_attention_is_reset_by_its_private_method() -> None:
    layer = nn.MultiheadAttention(4, 2)
    before = layer.in_proj_weight.detach().clone()
    reset(layer)
    assert not torch.equal(layer.in_proj_weight, before)


def test_the_identity_of_a_module_is_its_architecture() -> None:
    assert module_hash(small_module(), False) == module_hash(small_module(), False)
    assert module_hash(small_module(), True) != module_hash(small_module(), True)
    wide = nn.Sequential(nn.Linear(5, 9), nn.ReLU(), nn.Linear(9, 2))
    assert module_hash(wide, False) != module_hash(small_module(), False)
    first, second = Plain(), Plain()
    nn.init.zeros_(second.weight)
    assert module_hash(first, False) != module_hash(second, False), "it cannot be reset, so its values count"


LAYERS = st.one_of(
    st.builds(nn.Linear, st.integers(1, 4), st.integers(1, 4), bias=st.booleans()),
    st.builds(nn.Conv2d, st.just(4), st.just(4), st.sampled_from([1, 3, (1, 3)]),
              padding=st.sampled_from([0, 1, "same"]), groups=st.sampled_from([1, 2]), bias=st.booleans(),
              padding_mode=st.sampled_from(["zeros", "circular"])),
    st.builds(nn.BatchNorm1d, st.integers(1, 4), affine=st.booleans(), track_running_stats=st.booleans()),
    st.builds(nn.LayerNorm, st.integers(1, 4), elementwise_affine=st.booleans()),
    st.builds(nn.GroupNorm, st.just(2), st.just(4)), st.builds(nn.Dropout, st.floats(0, 1)),
    st.builds(nn.GELU, approximate=st.sampled_from(["none", "tanh"])), st.builds(nn.Flatten, st.integers(0, 2)),
    st.builds(nn.LSTM, st.integers(1, 3), st.integers(1, 3), num_layers=st.integers(1, 2), batch_first=st.booleans()),
    st.builds(nn.Embedding, st.integers(1, 5), st.integers(1, 3)), st.builds(nn.PReLU), st.builds(nn.ReLU),
    st.builds(nn.MaxPool2d, st.integers(1, 3), stride=st.integers(1, 2)),
    st.builds(nn.AdaptiveAvgPool2d, st.just((1, 2))),
)  # fmt: skip
MODULES = st.recursive(LAYERS, lambda inner: st.lists(inner, max_size=4).map(lambda layers: nn.Sequential(*layers)))


@settings(deadline=None, max_examples=25)
@given(MODULES)
def test_modules_of_torch_are_rebuilt_from_their_structure(module: nn.Module) -> None:
    structure = structure_of(module)
    assert structure is not None
    rebuilt = build(ModuleStructure.model_validate_json(structure.model_dump_json()))
    assert repr(rebuilt) == repr(module)
    rebuilt.load_state_dict(module.state_dict())


def test_modules_with_code_or_state_of_their_own_have_no_structure() -> None:
    frozen = nn.Sequential(nn.Linear(2, 2))
    frozen[0].weight.requires_grad_(False)
    hooked = nn.Sequential(nn.Linear(2, 2))
    hooked[0].register_forward_hook(lambda *arguments: None)
    normed = nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(2, 2)))
    for module in (Returns("tensor"), nn.Sequential(Plain()), frozen, hooked, normed,
                   nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2), 1, enable_nested_tensor=False)):  # fmt: skip
        assert structure_of(module) is None


@pytest.mark.parametrize(
    ("structure", "message"),
    [
        ({"name": "system"}, "classes of torch.nn are accepted"),
        ({"name": "Module.__init__"}, "classes of torch.nn are accepted"),
        ({"name": "functional"}, "classes of torch.nn are accepted"),
        ({"name": "Parameter"}, "classes of torch.nn are accepted"),
        ({"name": "Linear", "arguments": {"in_features": 2}}, "cannot be built: TypeError"),
        ({"name": "Linear", "arguments": {"in_features": 10**9, "out_features": 10**9}}, "a network of 1000000001"),
        ({"name": "Linear", "children": {}}, "Sequential, ModuleList, ModuleDict have children"),
        ({"name": "Sequential", "children": {"a.b": {"name": "ReLU"}}}, "cannot be built"),
    ],
)
def test_structures_that_are_no_modules_of_torch_are_declined(structure: dict[str, Any], message: str) -> None:
    with pytest.raises(StoreError, match=message):
        build(ModuleStructure.model_validate(structure))


def test_too_many_and_too_deep_modules_are_declined() -> None:
    leaf = ModuleStructure(name="ReLU")
    deep = leaf
    for _ in range(70):
        deep = ModuleStructure(name="Sequential", children={"0": deep})
    with pytest.raises(StoreError, match="nested more than 64 deep"):
        build(deep)
    with pytest.raises(StoreError, match="states 10002 modules"):
        build(ModuleStructure(name="Sequential", children={str(i): leaf for i in range(10_001)}))
