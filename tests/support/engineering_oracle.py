"""Write `tests/plugins/engineering.npz`: values and fronts of the published engineering problems, for tests.

    python tests/support/engineering_oracle.py REPROBLEM FRONTS

REPROBLEM: `reproblem_python_ver/reproblem.py` of github.com/ryojitanabe/reproblems at 2884574. It is run, not copied.
FRONTS: folder with that repository's `ideal_point_*.dat`, `nadir_point_*.dat` and `reference_points_*.dat`.

For every problem the file has:
- `x` [100, n], designs drawn uniformly from the published box, and `f` [100, m], their published values;
- `lower`, `upper`, `ideal`, `nadir` as published;
- `front` [30, m], published approximated points of the front, every k-th in the file;
- `front_minimum`, `front_maximum` [m] of all published points;
- `hypervolume` of all published points, with their minimum scaled to 0 and the nadir point to 1, reference 1.1. For
  RE21, whose published nadir point excludes all of them, their maximum is scaled to 1.

RE91 draws four variables from normal distributions. Here their deviations are 0, and its published points, which
are of drawn values, are left out.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import moocore
import numpy as np

NAMES = (
    "RE21", "RE22", "RE23", "RE24", "RE25", "RE31", "RE32", "RE33", "RE34", "RE35", "RE36", "RE37", "RE41", "RE42",
    "RE61", "RE91",
)  # fmt: skip
N_DESIGNS, N_FRONT = 100, 30
OUTPUT = Path(__file__).parents[1] / "plugins" / "engineering.npz"


def main(code: Path, fronts: Path) -> None:
    spec = importlib.util.spec_from_file_location("reproblem", code)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    np.random.normal = lambda *_: 0.0
    arrays: dict[str, Any] = {}
    for name in NAMES:
        problem = getattr(module, name)()
        box = problem.lbound.astype(float), problem.ubound.astype(float)
        x = box[0] + (box[1] - box[0]) * np.random.default_rng(2020).random((N_DESIGNS, problem.n_variables))
        arrays |= {f"{name}/x": x, f"{name}/f": np.stack([problem.evaluate(row) for row in x])}
        arrays |= {f"{name}/lower": box[0], f"{name}/upper": box[1]}
        if name == "RE91":
            continue
        ideal, nadir, front = (
            np.loadtxt(fronts / f"{kind}_{name}.dat") for kind in ("ideal_point", "nadir_point", "reference_points")
        )
        low, high = front.min(0), front.max(0)
        scaled = (front - low) / ((high if name == "RE21" else nadir) - low)
        arrays |= {
            f"{name}/ideal": ideal,
            f"{name}/nadir": nadir,
            f"{name}/front": front[:: max(1, len(front) // N_FRONT)][:N_FRONT],
            f"{name}/front_minimum": low,
            f"{name}/front_maximum": high,
            f"{name}/hypervolume": moocore.hypervolume(scaled, ref=np.full(len(ideal), 1.1)),
        }
        print(name, len(front), float(arrays[f"{name}/hypervolume"]))
    np.savez_compressed(OUTPUT, **arrays)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
