"""Jobs that pause halfway through training until a test lets them continue, at any speed of the machine."""

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
    """The balancer `gated`: weights by the preference; waits halfway through training until the gate is open.

    folder: of an installed distribution; PYTHONPATH must contain it where jobs run.
    """

    folder: Path

    def __post_init__(self) -> None:
        meta = self.folder / "guest_gated-0.1.dist-info"
        meta.mkdir(parents=True)
        (self.folder / "guest_gated.py").write_text(GUEST.format(half=HALF))
        (meta / "METADATA").write_text("Metadata-Version: 2.1\nName: guest-gated\nVersion: 0.1\n")
        (meta / "entry_points.txt").write_text("[mobench]\ngated = guest_gated\n")

    def open(self) -> None:
        """Let every current and later job continue."""
        (self.folder / "open").touch()

    def job(self, job: Job) -> Job:
        """Return the same job with STEPS steps; the second half of them waits for the gate."""
        content = job.model_dump()
        content["solver"]["balancer"] = {"name": "gated", "version": "1"}
        return Job.model_validate({**content, "budget": {"steps": STEPS, "batch_size": 256}})
