"""What every plugin must do, as functions that raise AssertionError, or Declined with a reason.

`CHECKS[kind]` lists the checks of a kind; each takes a registry entry. A package runs them over its
own names in three lines:

    @pytest.mark.parametrize("check", CHECKS["balancer"])
    def test_conformance(check):
        check(registry().get("balancer", "mine"))
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from mobench import options
from mobench.errors import DataError, IncompatibleError
from mobench.interfaces import (
    Balancer,
    Dataset,
    Generator,
    Model,
    ParetoNetwork,
    Problem,
    Seeds,
    Setting,
    Solver,
    WeightNetwork,
)
from mobench.learning.gradient_solver import GradientOptions, GradientSolver
from mobench.learning.gradients import objective_gradients
from mobench.learning.loop import Batches, Limit, train
from mobench.learning.preferences import dense_rays, finite_rays
from mobench.metrics.evaluation import evaluate
from mobench.plugins import Entry, Kind, Pair, Spec, registry
from mobench.testing import properties

Check = Callable[[Entry], None]
N_STEPS = 4


class Declined(Exception):
    """A check that cannot be made here, with the reason."""


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


def small(entry: Entry) -> Any:
    """An object of an entry's class in its small configuration."""
    assert isinstance(entry.spec, Spec)
    return options.build(entry.load(), {**entry.spec.defaults, **entry.spec.small})


def small_datasets() -> Iterator[Dataset]:
    """Every registered dataset in its small configuration whose files are here, several objectives first."""
    datasets: list[Dataset] = [small(entry) for entry in registry().entries["dataset"].values()]
    # a preference says something only where there are several
    for dataset in sorted(datasets, key=lambda d: len(d.objectives) == 1):
        try:
            dataset.load("train")
        except DataError:
            continue
        yield dataset


def load(dataset: Dataset, split: Any) -> Any:
    """A split. Raises: Declined where its files are not here."""
    try:
        return dataset.load(split)
    except DataError as error:
        raise Declined(str(error)) from error


def accepts(part: Model | Generator, dataset: Dataset) -> bool:
    """True where `part.check` has no objection."""
    try:
        part.check(dataset)
    except IncompatibleError:
        return False
    return True


def problem_of(dataset: Dataset, dtype: torch.dtype = torch.float32) -> Problem:
    """The dataset with the first registered model that serves it."""
    models = (small(entry) for entry in registry().entries["model"].values())
    model = next((model for model in models if accepts(model, dataset)), None)
    if model is None:
        raise Declined(f"no registered model serves {type(dataset).__name__}")
    return Problem(dataset, model, dtype=dtype)


def built(entry: Entry, seed: int = 0, dtype: torch.dtype = torch.float32) -> tuple[Problem, ParetoNetwork, Tensor]:
    """A generator's network on the first small dataset that it serves, and preferences for it."""
    generator: Generator = small(entry)
    torch.manual_seed(seed)
    problem = problem_of(next(d for d in small_datasets() if accepts(generator, d)), dtype)
    rays = finite_rays(problem.n_objectives).to(dtype)
    network = generator.build(problem, rays)
    return problem, network, rays if network.rays is not None else dense_rays(problem.n_objectives, 5).to(dtype)


def solver_for(entry: Entry, seed: int = 0) -> tuple[Solver, Problem]:
    """A solver in its small configuration, and the first problem that it serves."""
    known = registry()
    if isinstance(entry.spec, Pair):
        generator = small(known.get("generator", entry.spec.generator))
        balancer: Balancer = small(known.get("balancer", entry.spec.balancer))
        own = {k.removeprefix("solver."): v for k, v in entry.spec.defaults.items() if k.startswith("solver.")}
        solver: Solver = GradientSolver(generator, balancer, options.build(GradientOptions, own))
        dataset = next(d for d in small_datasets() if accepts(generator, d))
    else:
        solver, dataset = small(entry), next(small_datasets())
    torch.manual_seed(seed)
    return solver, problem_of(dataset)


def start(solver: Solver, problem: Problem, seed: int = 0) -> None:
    """Tell the solver what is ahead, as the loop does."""
    torch.manual_seed(seed)
    seeds = Seeds(seed, seed, seed, seed)
    solver.start(problem, Setting(finite_rays(problem.n_objectives), seeds, N_STEPS, N_STEPS))


def batch_of(problem: Problem, step: int) -> Any:
    """The batch of a step, as the loop would take it."""
    return problem.prepare(Batches(load(problem.dataset, "train"), 16, 0).at(step))


def trained(solver: Solver, problem: Problem, n_steps: int, seed: int = 0) -> None:
    """Train through the core's own loop."""
    training = train(
        solver,
        problem,
        load(problem.dataset, "train"),
        limit=Limit(steps=n_steps),
        batch_size=16,
        seeds=Seeds(seed, seed, seed, seed),
        rays=finite_rays(problem.n_objectives),
    )
    assert training.status == "completed", training.message
    assert training.steps == n_steps


def trained_losses(entry: Entry, n_steps: int, seed: int) -> Tensor:
    """Losses of the next step after a short training."""
    solver, problem = solver_for(entry, seed)
    trained(solver, problem, n_steps, seed)
    return solver.step(batch_of(problem, n_steps))


def assert_reached(module: nn.Module) -> None:
    """Every trained parameter has a gradient that is not all zero."""
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None, f"no gradient reaches {name}"
        assert bool(torch.isfinite(parameter.grad).all()), f"the gradient of {name} is not finite"
        assert bool(parameter.grad.any()), f"the gradient of {name} is zero"
