"""What every plugin must do, as functions that raise AssertionError, or Declined with a reason.

`CHECKS[kind]` lists the checks of a kind; each takes a registry entry. A package runs them over its
own names in three lines:

    @pytest.mark.parametrize("check", CHECKS["balancer"])
    def test_conformance(check):
        check(registry().get("balancer", "mine"))
"""

from __future__ import annotations

import inspect
from collections.abc import Callable

import torch
from torch import nn

from mobench import options
from mobench.interfaces import (
    Dataset,
    Model,
    WeightNetwork,
)
from mobench.learning.gradients import objective_gradients
from mobench.learning.preferences import finite_rays
from mobench.metrics.evaluation import evaluate
from mobench.plugins import Entry, Kind, Pair, Spec
from mobench.testing import properties
from mobench.testing.small import (
    N_STEPS,
    Declined,
    accepts,
    batch_of,
    built,
    load,
    problem_of,
    small,
    small_datasets,
    solver_for,
    start,
    trained,
    trained_losses,
)

Check = Callable[[Entry], None]


def described(entry: Entry) -> None:
    """A summary; a source, or a docstring that stands in for one."""
    assert entry.spec.summary, "the spec has no summary"
    if isinstance(entry.spec, Pair):
        assert entry.spec.source, "the pair has no source"
    elif isinstance(entry.spec, Spec):
        assert inspect.getdoc(entry.load()), "the class has no docstring"


def options_round_trip(entry: Entry) -> None:
    """Options have help; building from an object's own options gives an equal one; unknown ones are refused."""
    if isinstance(entry.spec, Pair):
        raise Declined("a pair's options are those of its parts")
    cls = entry.load()
    for option in options.describe(cls):
        assert option.help, f"option {option.name} has no help"
    made = small(entry)
    again = options.build(cls, options.values(made))
    assert options.values(again) == options.values(made)


def dataset_is_whole(entry: Entry) -> None:
    """Splits load and load again the same; losses are finite scalars with as many values in the protocol."""
    dataset: Dataset = small(entry)
    protocol, m = dataset.protocol, len(dataset.objectives)
    assert {len(protocol.reference), len(protocol.ideal), len(protocol.nadir)} == {m}
    assert all(a < b for a, b in zip(protocol.ideal, protocol.nadir, strict=True))
    for split in ("train", "val", "test"):
        samples = load(dataset, split)
        again = load(small(entry), split)
        assert len(samples) > 0
        assert torch.equal(samples.inputs, again.inputs), f"{split} is another one the second time"
        assert tuple(dataset.prepare(samples.take(slice(0, 2))).inputs.shape[1:]) == dataset.input_shape
    front = dataset.known_front(50)
    assert front is None or front.shape[1] == m


def dataset_has_a_model(entry: Entry) -> None:
    """Some registered model serves it; its losses are finite."""
    problem = problem_of(small(entry))
    batch = problem.prepare(load(problem.dataset, "train").take(slice(0, 8)))
    losses = problem.losses([problem.target(batch.inputs)], batch)
    assert losses.shape == (1, problem.n_objectives)
    assert bool(torch.isfinite(losses).all())


def model_serves_a_dataset(entry: Entry) -> None:
    """A head for each of the dataset's; the same seed gives the same network; gradients reach every parameter."""
    model: Model = small(entry)
    dataset = next(d for d in small_datasets() if accepts(model, d))
    torch.manual_seed(0)
    net = model.build(dataset)
    torch.manual_seed(0)
    again = model.build(dataset)
    assert all(map(torch.equal, net.state_dict().values(), again.state_dict().values()))
    batch = dataset.prepare(load(dataset, "train").take(slice(0, 8)))
    outputs = net(batch.inputs)
    assert set(outputs) == set(dataset.heads)
    torch.autograd.backward([o.loss(outputs, batch) for o in dataset.objectives])
    assert_reached(net)


def generator_makes_a_pareto_network(entry: Entry) -> None:
    """Outputs for K preferences, the same as one by one; the preference matters; inputs stay as they are."""
    problem, network, rays = built(entry)
    inputs = problem.prepare(load(problem.dataset, "train").take(slice(0, 4))).inputs
    before = (inputs.clone(), rays.clone())
    network.eval()
    problem.train(False)
    outputs = network(inputs, rays)
    assert len(outputs) == len(rays)
    assert torch.equal(before[0], inputs)
    assert torch.equal(before[1], rays)
    for k in (0, len(rays) - 1):
        served = network.serve(rays[k])(inputs)
        for name, width in problem.dataset.heads.items():
            assert outputs[k][name].shape[-1] == width
            assert outputs[k][name].dtype == problem.dtype
            torch.testing.assert_close(served[name], outputs[k][name], rtol=1e-4, atol=1e-5)
    name = next(iter(problem.dataset.heads))
    one_objective = problem.n_objectives == 1  # there is one preference then
    assert one_objective or not torch.equal(outputs[0][name], outputs[-1][name]), "the preference changes nothing"


def generator_is_seeded_and_saved(entry: Entry) -> None:
    """The same seed gives the same network; a state dict carries everything."""
    _, one, _ = built(entry, seed=3)
    _, two, _ = built(entry, seed=3)
    _, other, _ = built(entry, seed=4)
    assert all(map(torch.equal, one.state_dict().values(), two.state_dict().values()))
    assert not all(map(torch.equal, one.state_dict().values(), other.state_dict().values()))
    other.load_state_dict(one.state_dict())
    assert all(map(torch.equal, one.parameters(), other.parameters()))
    assert one.n_stored_parameters >= sum(p.numel() for p in one.parameters())


def generator_is_reached_by_gradients(entry: Entry) -> None:
    """Every trained parameter gets a gradient from the losses of a few preferences."""
    problem, network, rays = built(entry)
    batch = problem.prepare(load(problem.dataset, "train").take(slice(0, 8)))
    loss = problem.losses(network(batch.inputs, rays), batch).sum()
    torch.autograd.backward(loss)
    assert_reached(network)


def generator_gram_is_exact(entry: Entry) -> None:
    """The Gram matrix in the trained parameters equals the dense one, to 1e-5."""
    problem, network, rays = built(entry, dtype=torch.float64)
    if not isinstance(network, WeightNetwork):
        raise Declined("it makes no weights; the core takes its Gram matrix")
    rays = rays.double() if network.rays is None else network.rays
    batch = problem.prepare(load(problem.dataset, "train").take(slice(0, 4)))
    generated = network.weights(rays)
    leaves = {name: w.detach().requires_grad_() for name, w in generated.items()}
    gradients = objective_gradients(problem.losses(network.outputs(leaves, batch.inputs), batch), leaves)
    dense = WeightNetwork.gram(network, rays, generated, gradients)
    torch.testing.assert_close(network.gram(rays, generated, gradients), dense, rtol=1e-5, atol=1e-12)
    _, single, _ = built(entry)
    assert isinstance(single, WeightNetwork)
    problem, at = single.problem, rays.float()
    batch = problem.prepare(load(problem.dataset, "train").take(slice(0, 4)))
    generated = single.weights(at)
    leaves = {name: w.detach().requires_grad_() for name, w in generated.items()}
    gradients = objective_gradients(problem.losses(single.outputs(leaves, batch.inputs), batch), leaves)
    summed = single.gram(at, generated, gradients)
    assert summed.dtype == torch.float64, "products of float32 gradients are to be summed in float64"


def balancer_is_well_behaved(entry: Entry) -> None:
    """Finite weights of the right shape and dtype from every family of inputs, which stay as they are."""
    for m in (2, 3, 5):
        properties.assert_well_behaved(small(entry), m)


def balancer_is_seeded_and_saved(entry: Entry) -> None:
    """The same seed gives the same weights, and a state dict carries everything."""
    sequence = list(properties.cases(3))
    one, two = (properties.started(small(entry), 3, seed=5) for _ in range(2))
    for case in sequence[:5]:
        assert torch.equal(case.weights(one), case.weights(two))
    resumed = properties.started(small(entry), 3, seed=6)
    resumed.load_state_dict(one.state_dict())
    for case in sequence[5:]:
        assert torch.equal(case.weights(one), case.weights(resumed))


def solver_trains(entry: Entry) -> None:
    """A few steps give finite losses, change the Pareto set, and leave it fit for judging."""
    solver, problem = solver_for(entry)
    trained(solver, problem, N_STEPS)
    pareto_set = solver.pareto_set
    m = problem.n_objectives
    rays = finite_rays(m) if pareto_set.rays is None else pareto_set.rays
    front = evaluate(pareto_set, problem, load(problem.dataset, "test"), rays)
    assert bool(torch.isfinite(torch.as_tensor(front.losses)).all())
    assert pareto_set.n_stored_parameters > 0


def solver_is_seeded_and_resumes(entry: Entry) -> None:
    """The same seeds give the same state to the bit, other seeds another; a resumed solver goes on the same."""
    one, two, other = (trained_losses(entry, N_STEPS, seed) for seed in (1, 1, 2))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)
    first, problem = solver_for(entry, seed=1)
    trained(first, problem, 2, seed=1)
    second, problem = solver_for(entry, seed=1)
    start(second, problem, seed=1)
    second.load_state_dict(first.state_dict())
    random = torch.get_rng_state()
    torch.manual_seed(9)
    went_on = [s.step(batch_of(problem, 2)) for s in (first, second)]
    torch.set_rng_state(random)
    if not any(isinstance(m, nn.Dropout) for m in problem.target.modules()):
        assert torch.equal(went_on[0], went_on[1])


CHECKS: dict[Kind, list[Check]] = {
    "dataset": [described, options_round_trip, dataset_is_whole, dataset_has_a_model],
    "model": [described, options_round_trip, model_serves_a_dataset],
    "generator": [
        described,
        options_round_trip,
        generator_makes_a_pareto_network,
        generator_is_seeded_and_saved,
        generator_is_reached_by_gradients,
        generator_gram_is_exact,
    ],
    "balancer": [described, options_round_trip, balancer_is_well_behaved, balancer_is_seeded_and_saved],
    "solver": [described, options_round_trip, solver_trains, solver_is_seeded_and_resumes],
    "suite": [described],
}


def assert_reached(module: nn.Module) -> None:
    """Every trained parameter has a gradient that is not all zero."""
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None, f"no gradient reaches {name}"
        assert bool(torch.isfinite(parameter.grad).all()), f"the gradient of {name} is not finite"
        assert bool(parameter.grad.any()), f"the gradient of {name} is zero"
