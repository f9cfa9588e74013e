"""Molecules as padded graphs: QM9 from the user's files, generated clusters of atoms, and a network for them."""

from pathlib import Path

from mobench.plugins import Spec, SuiteFile, UserFolder, hookimpl


@hookimpl
def mobench_datasets() -> list[Spec]:
    return [
        Spec(
            "qm9",
            "mobench_molecules.qm9:Qm9",
            "eleven properties of small molecules from their geometry; the user's files",
            "Ramakrishnan et al. 2014; targets as in LibMTL",
            version="1",
            small={"targets": ["mu", "homo"], "limit": 24},
        ),
        Spec(
            "clusters",
            "mobench_molecules.clusters:Clusters",
            "generated clusters of atoms: radius of gyration and screened repulsion, both in closed form",
            "mobench",
            version="1",
            small={"limit": 60},
        ),
    ]


@hookimpl
def mobench_models() -> list[Spec]:
    return [
        Spec(
            "schnet",
            "mobench_molecules.schnet:SchNet",
            "continuous filters over the distances of atoms; a linear head per task on sum and mean over atoms",
            "arXiv 1706.08566",
            version="1",
            small={"features": 8, "interactions": 1, "centres": 6},
        )
    ]


@hookimpl
def mobench_user_folders() -> list[UserFolder]:
    return [
        UserFolder(
            "qm9",
            "qm9/raw",
            ("gdb9.sdf", "gdb9.sdf.csv", "uncharacterized.txt"),
            "geometries, properties, and the list of the molecules that failed a check of consistency",
            "Download the raw files with torch_geometric.datasets.QM9, or qm9.zip of DeepChem and uncharacterized.txt "
            "of figshare.com/articles/dataset/978904",
            n_bytes=260_000_000,
            licence="CC0, as commonly given",
        )
    ]


@hookimpl
def mobench_suites() -> list[SuiteFile]:
    return [
        SuiteFile(
            "molecules",
            Path(__file__).parent / "molecules.toml",
            "padded graphs: generated clusters of atoms, and QM9 from the user's files",
        )
    ]
