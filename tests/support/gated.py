"""Jobs that wait in mid-training until a test lets them go on, however fast or slow the machine is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mobench.jobs.job import Job

STEPS, HALF = 40, 20

GUEST = """
import time
from dataclasses import dataclass
from pathlib import Path
from mobench import Balancer, Spec, hookimpl

FOLDER = Path(__file__).parent


@hookimpl
def mobench_balancers():
    return [Spec("gated", "guest_gated:Gated", version="1")]


@dataclass(eq=False)
class Gated(Balancer):
    steps = 0

    def __call__(self, losses, preferences, gram):
        while self.steps >= {half} and not (FOLDER / "open").exists():
            time.sleep(0.01)
        self.steps += 1
        return preferences

    def state_dict(self):
        return {{"steps": self.steps}}

    def load_state_dict(self, state):
        self.steps = state["steps"]
"""


@dataclass(frozen=True)
class Gate:
    """The balancer `gated`, which weights losses by the preference and takes no step after the half before the
    gate is open.

    folder: of a distribution as pip leaves it, which PYTHONPATH has to name wherever jobs run.
    """

    folder: Path

    def __post_init__(self) -> None:
        meta = self.folder / "guest_gated-0.1.dist-info"
        meta.mkdir(parents=True)
        (self.folder / "guest_gated.py").write_text(GUEST.format(half=HALF))
        (meta / "METADATA").write_text("Metadata-Version: 2.1\nName: guest-gated\nVersion: 0.1\n")
        (meta / "entry_points.txt").write_text("[mobench]\ngated = guest_gated\n")

    def open(self) -> None:
        """Let every job go on, now and later."""
        (self.folder / "open").touch()

    def job(self, job: Job) -> Job:
        """The same job, but that it takes STEPS steps, and the latter half of them behind the gate."""
        content = job.model_dump()
        content["solver"]["balancer"] = {"name": "gated", "version": "1"}
        return Job.model_validate({**content, "budget": {"steps": STEPS, "batch_size": 256}})
