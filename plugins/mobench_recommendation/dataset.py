"""Dataset `ml100k`: which films users rate next, with a penalty on popular films and on few films for all."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

import torch
from annotated_types import Gt
from numpy.typing import NDArray
from torch import Tensor

from mobench.datafiles import require
from mobench.interfaces import Dataset, Metric, Objective, Outputs, Protocol, Samples, Split, SummedMeasure
from mobench.options import option
from mobench_recommendation.histories import N_FILMS, flags, histories, popularity

HEAD, HISTORY, NEXT = "film", "history", "next"
N_BEST = 20
"""Length of the lists of recommendations."""
DRAWN_SHARE = 0.25
"""Share of a user's training films that is to be recommended in training, drawn for every batch."""


@dataclass(frozen=True)
class Ml100k(Dataset):
    """943 users of MovieLens 100K, each with the 1,682 films: those of the history are known, the next are asked for.

    A model returns a score of each film. p is the softmax of the scores over the films outside the history; the 20
    films with the largest scores outside the history are recommended. The objectives are

    - `ranking`: the mean over users of −ln p of the next films, the multinomial likelihood of arXiv 1802.05814, eq. 2;
    - `popularity`: the mean over users of Σ p_i c_i / c̄, where c_i is the number of users who have film i in their
      training part and c̄ its mean over films: 1 for films drawn uniformly;
    - `concentration`: ln 1682 − H(p̄), with the entropy of the mean p̄ of p over users, in nats.

    In training, a quarter of the films of the training part is drawn for every batch, and the others are the history.
    """

    limit: Annotated[int, Gt(0)] | None = option(None, "use only this many users; none: all")

    @property
    def objectives(self) -> tuple[Objective, ...]:
        ranking = Objective("ranking", _ranking_loss, (Metric("recall@20", _recall),), "nats", "categorical")
        popular = Metric("popularity@20", self._mean_popularity, higher_is_better=False, unit="users")
        covered = Metric("coverage@20", SummedMeasure(_recommended, _n_recommended), unit="films")
        return (
            ranking,
            Objective("popularity", self._expected_popularity, (popular,)),
            Objective("concentration", SummedMeasure(_summed_shares, _concentration), (covered,), "nats"),
        )

    @property
    def heads(self) -> Mapping[str, int]:
        return {HEAD: N_FILMS}

    @property
    def input_shape(self) -> tuple[int, ...]:
        return (N_FILMS,)

    @property
    def protocol(self) -> Protocol:
        uniform = math.log(N_FILMS)
        return Protocol(
            "ml100k-1", reference=(8.0, 6.0, 2.0), ideal=(0.0,) * 3, nadir=(round(uniform, 3), 5.0, 1.5),
            subset="random",
        )  # fmt: skip

    def load(self, split: Split) -> Samples:
        history, following = (torch.from_numpy(table) for table in flags(self._histories, split))
        return Samples(history, {HISTORY: history, NEXT: following})

    def augment(self, batch: Samples, random: torch.Generator) -> Samples:
        """Draw which of the films of each user are to be recommended."""
        films = batch.targets[HISTORY] | batch.targets[NEXT]
        order = torch.rand(films.shape, generator=random, device=films.device).where(films, films.new_tensor(2.0))
        n_next = (DRAWN_SHARE * films.sum(1, keepdim=True)).long().clamp_min(1)
        following = films & (order.argsort(1).argsort(1) < n_next)
        history = films & ~following
        return Samples(history, {HISTORY: history, NEXT: following})

    def prepare(self, batch: Samples) -> Samples:
        """Return histories as vectors of length 1; an empty one is 0."""
        history = batch.inputs.float()
        return Samples(history / history.sum(1, keepdim=True).clamp_min(1).sqrt(), batch.targets)

    @cached_property
    def _histories(self) -> list[NDArray[Any]]:
        (path,) = require("ml100k").values()
        return histories(path)[: self.limit]

    @cached_property
    def _counts(self) -> Tensor:
        """Number of users [films] who have each film in their training part."""
        return torch.from_numpy(popularity(self._histories))

    def _expected_popularity(self, outputs: Outputs, batch: Samples) -> Tensor:
        shares = _log_shares(outputs, batch).exp()
        return (shares @ (self._counts / self._counts.mean()).to(shares)).mean()

    def _mean_popularity(self, outputs: Outputs, batch: Samples) -> Tensor:
        return self._counts.to(outputs[HEAD].device)[_best(outputs, batch)].mean()


def _scores(outputs: Outputs, batch: Samples) -> Tensor:
    """Return the scores [B, films]; those of the history are −∞."""
    return outputs[HEAD].masked_fill(batch.targets[HISTORY], -math.inf)


def _log_shares(outputs: Outputs, batch: Samples) -> Tensor:
    return _scores(outputs, batch).log_softmax(1)


def _best(outputs: Outputs, batch: Samples) -> Tensor:
    """Return the recommended films [B, N_BEST]."""
    return _scores(outputs, batch).topk(N_BEST, dim=1).indices


def _ranking_loss(outputs: Outputs, batch: Samples) -> Tensor:
    following = batch.targets[NEXT]
    logs = _log_shares(outputs, batch)
    sums = logs.where(following, torch.zeros_like(logs)).sum(1)
    return -(sums / following.sum(1).clamp_min(1)).mean()


def _recall(outputs: Outputs, batch: Samples) -> Tensor:
    """Share of the next films that are recommended, of at most 20; the mean over users (arXiv 1802.05814, sec. 4.3)."""
    following = batch.targets[NEXT]
    n_hits = following.gather(1, _best(outputs, batch)).sum(1)
    return (n_hits / following.sum(1).clamp(1, N_BEST)).double().mean()


def _recommended(outputs: Outputs, batch: Samples) -> Mapping[str, Tensor]:
    return {"counts": torch.bincount(_best(outputs, batch).flatten(), minlength=N_FILMS)}


def _n_recommended(sums: Mapping[str, Tensor]) -> Tensor:
    return (sums["counts"] > 0).double().sum()


def _summed_shares(outputs: Outputs, batch: Samples) -> Mapping[str, Tensor]:
    shares = _log_shares(outputs, batch).exp()
    return {"shares": shares.sum(0), "users": shares.new_tensor(len(shares))}


def _concentration(sums: Mapping[str, Tensor]) -> Tensor:
    """Return ln 1682 − H(p̄), which is not negative."""
    mean = sums["shares"] / sums["users"].clamp_min(1)
    entropy: Tensor = torch.special.entr(mean).sum()
    return math.log(N_FILMS) - entropy
