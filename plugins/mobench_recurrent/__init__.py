"""Recurrent networks over bytes: a layer-normalised LSTM, and one whose weights are scaled by a smaller LSTM."""

from pathlib import Path

from mobench.plugins import Spec, SuiteFile, hookimpl

_SMALL = {"hidden": 8}


@hookimpl
def mobench_models() -> list[Spec]:
    return [
        Spec(
            "char-lstm",
            "mobench_recurrent.lstm:CharLstm",
            "one LSTM layer with layer normalisation over bytes",
            "arXiv 1607.06450, section 3.1",
            version="1",
            small=_SMALL,
        ),
        Spec(
            "hyper-lstm",
            "mobench_recurrent.hyper_lstm:HyperLstm",
            "an LSTM whose weights a smaller LSTM scales at every step: a dynamic hypernetwork",
            "arXiv 1609.09106, section 3.2",
            version="2",
            small={**_SMALL, "hyper": 4, "embedding": 2},
        ),
    ]


@hookimpl
def mobench_suites() -> list[SuiteFile]:
    folder = Path(__file__).parent
    return [
        SuiteFile(
            "sequence", folder / "sequence.toml", "bits per character: HyperLSTM against a LayerNorm LSTM on text"
        )
    ]
