"""Commands of READMEs that are not run as written: the reason, and the test that covers each of them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from readmes.pages import Command

TUTORIAL = "tests/scaffold/test_tutorial.py::test_the_tutorial_ends_at_a_row_of_the_leaderboard"
SUBMISSION = "tests/board/test_guest_submission.py::test_a_guest_goes_from_a_new_package_to_a_verified_row_of_a_site"
TEMPLATE = r".*\.tmpl"
NEW = "tests/scaffold/test_new.py"
RAY = "tests/runs/test_ray.py::test_a_node_killed_in_mid_run_costs_no_job_and_each_ends_with_one_record"
CI = "tests/test_ci.py::test_with_everything_there_nothing_is_installed"


@dataclass(frozen=True)
class Elsewhere:
    """A covered command; `command` and `page` are regular expressions that match a whole command and page name."""

    command: str
    reason: str
    test: str
    page: str = ".*"

    def holds(self, command: Command) -> bool:
        return bool(re.fullmatch(self.command, command.text) and re.fullmatch(self.page, command.page))


ELSEWHERE = (
    Elsewhere(r"mobench (submit|board) .*", "needs a plugin's records and a sandbox", SUBMISSION),
    Elsewhere(
        r"pip install 'mobench\[board\]'",
        "needs a network",
        "tests/board/test_signatures.py::test_without_the_library_the_error_says_what_to_install",
    ),
    Elsewhere(r"mobench run tiny\.toml .*", "its solver is of a new package", SUBMISSION),
    Elsewhere(
        r"mobench new \w+ NAME", "NAME is for the reader to choose", f"{NEW}::test_the_commands_of_its_readme_run",
        "mobench/scaffold/TUTORIAL.md",
    ),
    Elsewhere(r".*", "the page is followed as a whole", TUTORIAL, "mobench/scaffold/TUTORIAL.md"),
    # environments
    Elsewhere(r"python3 -m venv \.venv", "makes an environment", TUTORIAL),
    Elsewhere(r"\.venv/bin/pip install -e (\.|'\.\[dev\]')", "needs a network; .ci/run begins with it", CI),
    Elsewhere(r"pip install 'mobench\[(ray|slurm)\]'", "needs a network", RAY),
    Elsewhere(
        r"python -m mobench\.reports\.remake results/\*", "rewrites the committed tables",
        "tests/reports/test_remake.py::test_tables_are_made_again_from_the_records_alone", "results/README.md",
    ),
    Elsewhere(
        r"pip install 'mobench\[tensorboard\]'", "needs a network",
        "tests/loggers/test_built_in_loggers.py::test_tensorboard_reads_scalars_options_and_results",
    ),
    Elsewhere(
        r"pip install 'mobench\[docs\]'", "needs a network",
        "tests/docs/test_site.py::test_the_site_has_every_registered_name_command_and_column",
    ),
    Elsewhere(r"pip install -e '\.\[dev\]'", "changes an environment", TUTORIAL, TEMPLATE),
    # the checks themselves
    Elsewhere(
        r"(\.venv/bin/python|…) -m pytest( -n 0 tests/runs/test_runner\.py| -m \"not slow\")?",
        "is the suite that this is part of", CI,
    ),
    Elsewhere(r"bash \.ci/run", "runs the suite that this is part of", CI),
    Elsewhere(r"python -m pytest", "one process for all", f"{NEW}::test_their_own_tests_pass_as_written", TEMPLATE),
    Elsewhere(r"mypy|ruff check", "one process for all", f"{NEW}::test_they_are_typed_linted_and_formatted", TEMPLATE),
    Elsewhere(
        r"python -m sphinx .*", "is run with another folder for its output",
        "tests/docs/test_site.py::test_the_site_has_every_registered_name_command_and_column",
    ),
    Elsewhere(
        r"python tests/interface/public_names\.py", "writes the list of a release",
        "tests/interface/test_public_names.py::test_what_differs_from_the_last_release_is_in_the_changelog",
    ),
    Elsewhere(
        r"(\.venv/bin/python tests/benchmarks/|… )run\.py.*", "measures for minutes",
        "tests/readmes/test_benchmarks.py::test_every_group_of_the_benchmarks_that_a_page_names_runs",
    ),
    Elsewhere(
        r"python tests/benchmarks/board_scale\.py FOLDER", "measures for minutes",
        "tests/readmes/test_benchmarks.py::test_the_benchmark_of_a_large_board_runs_on_a_small_one",
    ),
    Elsewhere(
        r"python -m mobench_engineering\.compute_fronts", "computes for half an hour",
        "tests/plugins/test_engineering.py::test_the_command_writes_fronts",
    ),
    # other machines
    Elsewhere(
        r"mobench run standard --executor ray( --address .*)?|ray start --(head|address head:6379)", "needs a cluster",
        RAY,
    ),
    Elsewhere(
        r"mobench run standard --executor slurm .*", "needs a cluster",
        "tests/runs/test_slurm.py::test_jobs_are_one_array_and_each_ends_with_one_record",
    ),
    Elsewhere(
        r"mobench run photos .*", "needs photos of the user",
        "tests/plugins/test_photos.py::test_jobs_of_the_suite_run_on_generated_files",
    ),
    Elsewhere(
        r"mobench run molecules --dataset qm9 .*", "needs files of the user",
        "tests/plugins/test_molecules.py::test_jobs_of_the_suite_run",
    ),
    Elsewhere(
        r"mobench run compression-cifar .*", "needs a GPU, and CIFAR-10, which nobody may pass on",
        "tests/plugins/test_images.py::test_one_training_step_on_cifars_format",
    ),
    Elsewhere(
        r"mobench data fetch( .*)?", "needs a network",
        "tests/cli/test_tables_and_data.py::test_fetching_tries_every_source_and_says_why_none_helped",
    ),
    Elsewhere(
        r"mobench run standard-(falling|long)", "needs pictures of garments, which are fetched",
        "tests/reports/test_committed_results.py::test_every_record_of_the_standard_track_is_of_a_job_of_its_suite",
    ),
    Elsewhere(
        r"mobench run fairness( .*)?", "needs tables that are fetched",
        "tests/plugins/test_fairness.py::test_jobs_of_the_suites_run_on_generated_files",
    ),
    Elsewhere(
        r"mobench run glyphs --dataset nyuv2 .*", "needs the user's files",
        "tests/plugins/test_scenes.py::test_a_job_runs_on_each", "plugins/mobench_scenes/README.md",
    ),
    Elsewhere(
        r"mobench run glyphs( .*)?", "needs fonts that are fetched",
        "tests/plugins/test_glyphs.py::test_jobs_of_the_suite_run_on_generated_files",
    ),
    Elsewhere(
        r"mobench run many-tasks( .*)?", "needs tables that are fetched",
        "tests/plugins/test_multilabel.py::test_jobs_of_the_suite_run_on_generated_files",
    ),
    Elsewhere(
        r"mobench run dense( .*)?", "needs maps that are fetched",
        "tests/plugins/test_earth.py::test_jobs_of_the_suite_run_on_generated_files",
    ),
    Elsewhere(
        r"mobench run text( .*)?", "needs texts that are fetched",
        "tests/plugins/test_tagged_texts.py::test_jobs_of_the_suite_run_on_generated_files",
    ),
    Elsewhere(
        r"mobench run recommendation( .*)?", "needs a table that is fetched",
        "tests/plugins/test_recommendation.py::test_jobs_of_the_suite_run_on_generated_files",
    ),
    Elsewhere(
        r"mobench run fine-tuning( .*)?", "needs weights, fonts and texts that are fetched",
        "tests/plugins/test_effnet.py::test_jobs_of_the_suite_run_on_generated_files",
    ),
    Elsewhere(
        r"mobench data verify", "needs what was fetched",
        "tests/cli/test_tables_and_data.py::test_data_are_listed_and_verified",
    ),
    Elsewhere(
        r"(npm|tar|cp|gzip|sha256sum) .*", "needs a network; what it ends with is checked",
        "tests/reports/page/test_build.py::test_the_runtime_is_the_published_one", "mobench/reports/page/.*",
    ),
)  # fmt: skip


def elsewhere(command: Command) -> Elsewhere | None:
    """Return the entry that covers a command, or None if the command must be run as written."""
    return next((entry for entry in ELSEWHERE if entry.holds(command)), None)
