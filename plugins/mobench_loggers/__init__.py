"""Loggers of training and results: TensorBoard, MLflow, Weights & Biases."""

from mobench.plugins import Spec, hookimpl


@hookimpl
def mobench_loggers() -> list[Spec]:
    return [
        Spec(
            "tensorboard",
            "mobench_loggers.tensorboard:TensorBoard",
            "event files for TensorBoard, one folder for each job",
            "tensorboard.dev (torch.utils.tensorboard)",
            version="1",
        ),
        Spec(
            "mlflow",
            "mobench_loggers.mlflow:MLflow",
            "runs of an MLflow experiment, on a server or in an SQLite file",
            "mlflow.org (MlflowClient)",
            version="1",
        ),
        Spec(
            "wandb",
            "mobench_loggers.wandb:WandB",
            "runs of Weights & Biases, in offline mode unless stated otherwise",
            "wandb.ai (wandb.init)",
            version="1",
        ),
    ]
