"""What figures say about moved rows, in plain words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skflow.tabular._measures import Quality
from skflow.tabular._tells import Telling

__all__ = ["Verdict", "verdict_on"]

LEVELS = ("good", "fair", "poor")
FIT = (1.5, 4.0)  # floors of distance up to which a fit is good, and fair
TOLD = (0.5, 0.7)  # area under the curve of a classifier, likewise
COPIED = (0.5, 0.2)  # nearest-neighbour ratio, over that of fresh rows, down to which likewise


@dataclass(frozen=True)
class Verdict:
    """A level, a headline, and sentences that give the reasons.

    Parameters
    ----------
    level : {"good", "fair", "poor"}
        How well rows arrived.
    headline : str
        The same as a sentence.
    reasons : list of str
        Why.
    """

    level: str
    headline: str
    reasons: list[str]


def verdict_on(quality: Quality, telling: Telling | None, subject: str, others: str) -> Verdict:
    """Return what figures say.

    Parameters
    ----------
    quality : Quality
        Distances and ratios.
    telling : Telling or None
        What a classifier found.
    subject : str
        The rows that were measured, such as "the moved rows".
    others : str
        What they were measured to, such as "the target".

    Returns
    -------
    verdict : Verdict
        The worst of fit, classifier and copying rules.
    """
    levels, reasons = {"fit": 0}, []
    if quality.figures:
        ratio = quality.ratios[0]
        levels["fit"] = _rank(ratio[-1], FIT)
        reasons.append(_on_fit(quality, subject, others))
    if telling is not None:
        levels["told"] = _rank(telling.auc, TOLD) if telling.is_clear else 0
        reasons.append(_on_telling(telling, subject, others))
    if "copy" in quality.figures:
        copy, *fresh = quality.figures["copy"]
        near = copy / fresh[0] if fresh and np.isfinite(fresh[0]) and fresh[0] > 0 else copy
        levels["copy"] = _rank(-near, (-COPIED[0], -COPIED[1]))
        reasons.append(_on_copying(copy, fresh, levels["copy"], subject, others))
    if "scramble" in quality.figures:
        reasons.append(_on_cost(quality.figures["scramble"][0]))
        if not quality.is_held_out:
            reasons.append(
                f"If the flow was fitted to these very rows of {others}, fresh ones would give "
                "somewhat worse figures."
            )
    worst = max(levels.values())
    cause = next(name for name, level in levels.items() if level == worst)
    return Verdict(LEVELS[worst], _headline(worst, cause, subject, others), reasons)


def _rank(value: float, bounds: tuple[float, float]) -> int:
    """Return 0 up to the first bound, 1 up to the second, 2 beyond."""
    return int(np.searchsorted(bounds, value, side="left"))


def _headline(level: int, cause: str, subject: str, others: str) -> str:
    subject = subject[0].upper() + subject[1:]
    if level == 0:
        return f"{subject} are distributed like {others}."
    if cause == "copy":
        return f"{subject} are {'nearly' if level == 2 else 'partly'} copies of rows of {others}."
    if level == 1:
        return f"{subject} are near {others}, but a difference is left."
    return f"{subject} are not distributed like {others}."


def _on_fit(quality: Quality, subject: str, others: str) -> str:
    *before, after = quality.ratios[0]
    rows = f"rows of {others} that the flow had not seen" if quality.is_held_out else others
    sentence = (
        f"The energy distance of {subject} to {rows} is {_times(after)} what as many fresh rows of "
        f"{others} would show by chance"
    )
    return f"{sentence}; before it was {_times(before[0])} that." if before else f"{sentence}."


def _times(ratio: float) -> str:
    if not np.isfinite(ratio):
        return "a multiple of"
    return f"{ratio:.1f} times" if ratio < 10 else f"{ratio:.0f} times"


def _on_telling(telling: Telling, subject: str, others: str) -> str:
    share = (
        f"it puts {telling.auc:.0%} of pairs right, where guessing gives 50% ± "
        f"{telling.error:.0%} (area under the ROC curve)"
    )
    if telling.is_paired:
        share += "; less than half means that rows lie beside the rows that they were fitted to"
    if not telling.is_clear:
        return f"A classifier cannot reliably tell {subject} from {others}: {share}."
    named = [f"“{name}”" for name in list(telling.columns)[:3]]
    by = f", mostly by {_and(named)}" if named else ""
    return f"A classifier tells {subject} from {others}{by}: {share}."


def _and(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _on_copying(copy: float, fresh: list[float], level: int, subject: str, others: str) -> str:
    known = f"{fresh[0]:.2f}" if fresh else "about 1"
    ratio = f"nearest-neighbour ratio {copy:.2f}; copies have 0, fresh rows {known}"
    subject = subject[0].upper() + subject[1:]
    if level == 0:
        return f"{subject} are not copies of rows of {others} ({ratio})."
    return (
        f"{subject} are nearer to rows of {others} than fresh rows are ({ratio}): look at them "
        "before they are passed on."
    )


def _on_cost(ratio: float) -> str:
    return f"Rows went {ratio:.2f} times as far as the shortest way to the same result: " + (
        "nearly each to the place that suits it best." if ratio < 1.3 else "they are scrambled."
    )
