"""Distributions for tests, written as pip installs them into a folder on PYTHONPATH."""

from __future__ import annotations

from pathlib import Path


def install(folder: Path, name: str, source: str) -> Path:
    """Write the distribution `guest-NAME` with entry point NAME and module `guest_NAME`; return the module's file."""
    meta = folder / f"guest_{name}-1.0.dist-info"
    meta.mkdir(parents=True)
    (meta / "METADATA").write_text(f"Metadata-Version: 2.1\nName: guest-{name}\nVersion: 1.0\n")
    (meta / "entry_points.txt").write_text(f"[mobench]\n{name} = guest_{name}\n")
    path = folder / f"guest_{name}.py"
    path.write_text(source)
    return path


BALANCER = """
from dataclasses import dataclass
from mobench import Balancer, Spec, hookimpl
{before}

@hookimpl
def mobench_balancers():
    return [Spec("{name}", "guest_{name}:Own", version="1")]


@dataclass(eq=False)
class Own(Balancer):
    steps = 0

    def __call__(self, losses, preferences, gram):
        self.steps += 1
        {step}
        return preferences
"""


def balancer(name: str, step: str = "pass", before: str = "") -> str:
    """Return the source of a balancer that weights by the preference; `before` runs on import, `step` at each step."""
    return BALANCER.format(name=name, step=step, before=before)
