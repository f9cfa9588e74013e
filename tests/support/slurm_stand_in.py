#!/usr/bin/env python3
"""A stand-in for SLURM on one machine: acts as sbatch, srun, sacct, scancel or scontrol, by the name of this file.

It keeps its tasks in $SLURM_STAND_IN. Each task of a script runs in its own process group, with the variables that
SLURM sets. If a file `fail-<task>` exists there, sacct reports NODE_FAIL for that task.
"""

import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

HOME = Path(os.environ["SLURM_STAND_IN"])
FIRST = 100


def sbatch(words):
    script = Path(words[-1])
    job = FIRST + len(list(HOME.glob("job-*")))
    (HOME / f"job-{job}").write_text(script.read_text())
    array = re.search(r"--array=0-(\d+)", script.read_text())
    for index in range(int(array[1]) + 1) if array else [None]:
        name = str(job) if index is None else f"{job}_{index}"
        variables = {"SLURM_JOB_ID": str(job), "SLURM_NTASKS": "1", "SLURM_JOB_NUM_NODES": "1", "SLURM_PROCID": "0"}
        variables |= {"SLURM_NODEID": "0", "SLURM_LOCALID": "0", "SLURM_JOB_NODELIST": "here"}
        if index is not None:
            variables |= {"SLURM_ARRAY_JOB_ID": str(job), "SLURM_ARRAY_TASK_ID": str(index)}
        with (HOME / f"log-{name}").open("w") as log:
            process = subprocess.Popen(
                ["bash", str(script)], env={**os.environ, **variables}, stdout=log, stderr=log, start_new_session=True
            )
        (HOME / f"task-{name}").write_text(str(process.pid))
    print(f"Submitted batch job {job}")


def srun(words):
    while words and words[0].startswith("-"):
        words = words[1:] if words[0] in ("--unbuffered",) else words[2:]
    os.execvp(words[0], words)


def sacct(words):
    print("JobID|State|NodeList")
    for path in sorted(HOME.glob("task-*")):
        name = path.name.removeprefix("task-")
        print(f"{name}|{state(name, int(path.read_text()))}|here")


def state(name, pid):
    if (HOME / f"cancelled-{name}").exists():
        return "CANCELLED by 0"
    if (HOME / f"fail-{name}").exists():
        return "NODE_FAIL"
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return "COMPLETED"
    return "COMPLETED" if stat.rpartition(")")[2].split()[0] == "Z" else "RUNNING"


def scancel(words):
    (name,) = words
    (HOME / f"cancelled-{name}").touch()
    with suppress(ProcessLookupError):  # the process has ended
        os.killpg(int((HOME / f"task-{name}").read_text()), signal.SIGKILL)


def main():
    {f.__name__: f for f in (sbatch, srun, sacct, scancel)}[Path(sys.argv[0]).name](sys.argv[1:])


main()
