"""Conformance checks of generators."""

from __future__ import annotations

import torch
from torch import Tensor

from mobench.interfaces import (
    Generator,
    Inputs,
    Outputs,
    ParetoNetwork,
    Problem,
    WeightNetwork,
    check_generator,
    head_shape,
)
from mobench.learning.preferences import dense_rays, finite_rays
from mobench.numerics import objective_gradients
from mobench.plugins import Entry
from mobench.random_state import seed_torch
from mobench.testing.checks.common import assert_reached, copied, equal_states, same_inputs
from mobench.testing.isolation import altered, device, elsewhere, saved_and_read, watched, with_frozen
from mobench.testing.outcomes import Declined, demand
from mobench.testing.small import built, first_samples, load, problem_for, small
from mobench.testing.varied_problems import varied_problems


def makes_outputs_for_preferences(entry: Entry) -> None:
    """Outputs for K preferences at once, the same as one by one; inputs stay as they are"""
    problem, network, rays = built(entry)
    inputs = _inputs(problem)
    before = (copied(inputs), rays.clone())
    outputs = _outputs(problem, network, inputs, rays)
    demand(
        same_inputs(before[0], inputs) and torch.equal(before[1], rays),
        "inputs or preferences were changed in place: work on copies",
    )
    demand(len(outputs) == len(rays), f"{len(rays)} preferences gave {len(outputs)} outputs: return one for each")
    for k in (0, len(rays) - 1):
        alone = network.serve(rays[k])(inputs)
        for name, size in problem.dataset.heads.items():
            axes = head_shape(size)
            demand(
                name in outputs[k], f"output {name!r} is missing: return a dict with a tensor for each of dataset.heads"
            )
            shape = tuple(outputs[k][name].shape)
            demand(
                shape[len(shape) - len(axes) :] == axes,
                f"output {name!r} has shape {shape}: its last axes are {axes}, as in dataset.heads",
            )
            demand(
                torch.allclose(alone[name], outputs[k][name], rtol=1e-4, atol=1e-5),
                f"serve(preference {k}) gives another output {name!r} than forward does for it among K: make each set "
                "of weights from its own row of the preferences",
            )


def moves_with_the_preference(entry: Entry) -> None:
    """A new preference moves the output"""
    problem, network, rays = built(entry)
    if problem.n_objectives == 1:
        raise Declined("it serves problems with one objective, for which there is one preference")
    outputs = _outputs(problem, network, _inputs(problem), rays)
    name = next(iter(problem.dataset.heads))
    demand(
        not torch.equal(outputs[0][name], outputs[-1][name]),
        "the preference changes nothing: let the outputs or weights depend on it from the first step on, with initial "
        "values that are not zero",
    )


def declines_before_it_builds(entry: Entry) -> None:
    """What it does not serve is declined by check and check_problem, before a network is built or data is loaded"""
    generator: Generator = small(entry)
    for varied in varied_problems():
        problem = varied.problem
        if problem.model.pretrained or problem.state.layers:
            continue  # declined by what the class declares

        def check(problem: Problem = problem) -> None:
            check_generator(generator, problem.dataset)
            generator.check_problem(problem)

        def build(problem: Problem = problem) -> None:
            network = generator.build(problem, finite_rays(problem.n_objectives))
            check_generator(generator, problem.dataset, network)

        if varied.is_accepted(check, "check or check_problem"):
            varied.demand_that_it_is_built(build, "build", "check_problem")


def heeds_the_seed(entry: Entry) -> None:
    """The same seed gives the same network, another seed another"""
    states = [built(entry, seed)[1].state_dict() for seed in (3, 3, 4)]
    demand(
        equal_states(states[0], states[1]),
        "the same seed gave another network: draw initial values from torch's global random state alone",
    )
    demand(
        not equal_states(states[0], states[2]),
        "every seed gives the same network: draw initial values from torch's global random state, and do not seed it",
    )


def resumes_from_its_state(entry: Entry) -> None:
    """A state dict, saved and read back, carries everything that is trained; its size is counted"""
    problem, original, rays = built(entry, 3)
    _, restored, _ = built(entry, 4)
    inputs = _inputs(problem)
    restored.load_state_dict(saved_and_read(original.state_dict()))
    for mine, its in zip(
        _outputs(problem, original, inputs, rays), _outputs(problem, restored, inputs, rays), strict=True
    ):
        demand(
            all(torch.equal(mine[name], its[name]) for name in mine),
            "with the state of another network it gives other outputs: register all that build draws as parameters or "
            "buffers",
        )
    trained = sum(p.numel() for p in original.parameters())
    demand(
        original.n_stored_parameters >= trained,
        f"n_stored_parameters is {original.n_stored_parameters}, but {trained} numbers are trained: count them all",
    )


def is_reached_by_gradients(entry: Entry) -> None:
    """Every trained parameter gets a gradient from the losses of a few preferences"""
    problem, network, rays = built(entry)
    batch = problem.prepare(load(problem.dataset, "train").take(slice(0, 8)))
    problem.train(True)
    outputs = problem.outputs_by_task(lambda inputs: network(inputs, rays), batch.inputs)
    torch.autograd.backward(problem.losses(outputs, batch).sum())
    assert_reached(network)


def gives_an_exact_gram_matrix(entry: Entry) -> None:
    """The Gram matrix in the trained parameters equals the dense one, and is summed in float64"""
    gram, dense = _grams(entry, torch.float64)
    demand(
        torch.allclose(gram, dense, rtol=1e-5, atol=1e-12),
        f"gram is off by {float((gram - dense).abs().max()):.1e}: count every parameter, or leave it to WeightNetwork",
    )
    gram, _ = _grams(entry, torch.float32)
    demand(
        gram.dtype == torch.float64,
        f"gram is summed in {gram.dtype}: use inner_products of mobench.interfaces, which sums in float64",
    )


def starts_at_pretrained_weights(entry: Entry) -> None:
    """Around a pretrained model, a new network predicts what that model predicts, for every preference"""
    generator: Generator = small(entry)
    if not generator.starts_pretrained:
        raise Declined("it does not start from pretrained weights (starts_pretrained = False)")
    accepted = problem_for(generator)
    seed_torch(0)
    problem = Problem(accepted.dataset, altered(accepted.model, pretrained=True))
    network = generator.build(problem, finite_rays(problem.n_objectives))
    rays = dense_rays(problem.n_objectives, 5) if network.rays is None else network.rays
    samples = load(problem.dataset, "train")
    for i in range(min(4, len(samples))):  # losses, because outputs may differ where they mean the same
        batch = problem.prepare(samples.take(slice(i, i + 1)))
        with torch.no_grad():
            outputs = problem.outputs_by_task(lambda inputs: _outputs(problem, network, inputs, rays), batch.inputs)
            expected = problem.outputs_by_task(lambda inputs: [problem.target(inputs)], batch.inputs)
            target_losses = problem.losses(expected, batch)
            losses = problem.losses(outputs, batch)
        demand(
            torch.allclose(losses, target_losses.expand_as(losses), rtol=1e-4, atol=1e-5, equal_nan=True),
            f"around a pretrained model its losses on a sample are {losses[0].tolist()}, those of the model "
            f"{target_losses[0].tolist()}: start at problem.new_weights(), add what starts at zero to "
            "problem.pretrained_weights(), or set starts_pretrained = False",
        )


def leaves_frozen_parameters_alone(entry: Entry) -> None:
    """Frozen parameters of the target network are neither generated nor trained"""
    generator: Generator = small(entry)
    accepted = problem_for(generator, n_tensors=2)
    seed_torch(0)
    problem = Problem(accepted.dataset, with_frozen(accepted.model))
    generator.check_problem(problem)
    network = generator.build(problem, finite_rays(problem.n_objectives))
    rays = dense_rays(problem.n_objectives, 5) if network.rays is None else network.rays
    # a registered model may have frozen parameters of its own
    name = next(name for name, parameter in problem.target.named_parameters() if not parameter.requires_grad)
    if isinstance(network, WeightNetwork):
        names = set(network.weights(rays)) - problem.state.statistics.keys()
        demand(
            names == problem.shapes.keys(),
            f"it makes {sorted(names ^ problem.shapes.keys())} otherwise than problem.shapes says: make weights of "
            "problem.shapes or problem.new_weights() alone, which leave out frozen parameters",
        )
    modules = [problem.target, *(m for m in network.modules() if m is not network)]
    frozen = [p for module in modules for n, p in module.named_parameters() if n == name and not p.requires_grad]
    before = [p.clone() for p in frozen]
    problem.train(True)
    batch = problem.prepare(load(problem.dataset, "train").take(slice(0, 8)))
    trained = [p for p in network.parameters() if p.requires_grad]
    outputs = problem.outputs_by_task(lambda inputs: network(inputs, rays), batch.inputs)
    problem.losses(outputs, batch).sum().backward()  # type: ignore[no-untyped-call]
    torch.optim.SGD(trained, lr=0.1).step()
    demand(
        all(map(torch.equal, before, frozen)),
        f"a step changed the frozen parameter {name!r}: change no parameter with requires_grad=False",
    )


def works_in_both_precisions(entry: Entry) -> None:
    """Outputs are in the problem's precision, float32 and float64"""
    for dtype in (torch.float32, torch.float64):
        problem, network, rays = built(entry, dtype=dtype)
        for outputs in _outputs(problem, network, _inputs(problem), rays):
            for name, values in outputs.items():
                demand(
                    values.dtype == dtype,
                    f"output {name!r} is {values.dtype} where the problem is {dtype}: end build with "
                    ".to(device=problem.device, dtype=problem.dtype)",
                )


def works_on_another_device(entry: Entry) -> None:
    """Networks for another device are built and run there"""
    at = device()
    with elsewhere():
        problem, network, rays = built(entry, device=at)
        outputs = _outputs(problem, network, _inputs(problem), rays)
    for tensor in (*network.parameters(), *outputs[0].values()):
        demand(
            tensor.device.type == at.type,
            f"a tensor is on {tensor.device} where the problem is on {at}: end build with "
            ".to(device=problem.device, dtype=problem.dtype)",
        )


def touches_no_test_data(entry: Entry) -> None:
    """Building and running it loads no test split"""
    generator = small(entry)
    accepted = problem_for(generator)
    dataset, loaded = watched(accepted.dataset)
    problem = Problem(dataset, accepted.model)
    _, _, rays = built(entry)
    network = generator.build(problem, rays)
    batch = _inputs(problem)
    network(batch, rays)
    demand(
        "test" not in loaded, "the test split was loaded: build from shapes and heads; mobench evaluates after training"
    )


def _inputs(problem: Problem) -> Inputs:
    return problem.prepare(first_samples(problem.dataset, 4)).inputs


def _outputs(problem: Problem, network: ParetoNetwork, inputs: Inputs, rays: Tensor) -> list[Outputs]:
    """Outputs in evaluation mode, where dropout and noise are still."""
    network.eval()
    problem.train(False)
    return list(network(inputs, rays))


def _grams(entry: Entry, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """The network's own Gram matrices and the dense ones."""
    problem, network, rays = built(entry, dtype=dtype)
    if not isinstance(network, WeightNetwork):
        raise Declined("it generates no weights; mobench computes its Gram matrix")
    if network.rays is not None:
        rays = network.rays
    batch = problem.prepare(load(problem.dataset, "train").take(slice(0, 4)))
    generated = network.weights(rays)
    statistics = problem.state.statistics
    leaves = {name: w.detach().requires_grad_() for name, w in generated.items() if name not in statistics}
    outputs = network.outputs({**generated, **leaves}, batch.inputs)
    gradients = objective_gradients(problem.losses(outputs, batch), leaves)
    return network.gram(rays, generated, gradients), WeightNetwork.gram(network, rays, generated, gradients)
