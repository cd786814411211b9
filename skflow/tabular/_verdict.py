"""What figures say about moved rows, in plain words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from skflow.tabular._measures import Quality
from skflow.tabular._tells import Telling

__all__ = ["Verdict", "verdict_on"]

LEVELS = ("good", "fair", "poor")
FIT = (1.5, 4.0)  # floors of distance up to which a fit is good, and fair
TOLD = (0.5, 0.7)  # area under the curve of a classifier, likewise
COPIED = (0.5, 0.2)  # nearest-neighbour ratio, over that of fresh rows, down to which likewise
SCRAMBLED = 1.3  # transport-cost ratio, from which on rows are called scrambled


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


def verdict_on(
    quality: Quality,
    telling: Telling | None,
    subject: str,
    others: str,
    kept: Sequence[str] = (),
) -> Verdict:
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
    kept : sequence of str, default=()
        Columns that rows kept while the others moved.

    Returns
    -------
    verdict : Verdict
        The worst of fit, classifier and copying rules. Fit and classifier compare with the whole
        target, so they show no fault of rows that kept columns.
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
        reasons.append(_on_cost(quality.figures["scramble"][0], kept))
        if not quality.is_held_out:
            reasons.append(
                f"If the flow was fitted to these very rows of {others}, the moved rows are closer "
                "to them than they are to rows that the flow has not seen."
            )
    if kept:
        levels = {name: min(level, 1 + (name == "copy")) for name, level in levels.items()}
    worst = max(levels.values())
    cause = next(name for name, level in levels.items() if level == worst)
    if kept and worst > 0 and cause != "copy":
        cause, reasons = "kept", [_on_kept(kept, others), *reasons]
    return Verdict(LEVELS[worst], _headline(worst, cause, subject, others), reasons)


def _rank(value: float, bounds: tuple[float, float]) -> int:
    """Return 0 up to the first bound, 1 up to the second, 2 beyond."""
    return int(np.searchsorted(bounds, value, side="left"))


def _headline(level: int, cause: str, subject: str, others: str) -> str:
    subject = _upper(subject)
    if level == 0:
        return f"{subject} are distributed like {others}."
    if cause == "copy":
        return f"{subject} are {'nearly' if level == 2 else 'partly'} copies of rows of {others}."
    if cause == "kept":
        return f"{subject} differ from {others} as a whole, which may be right."
    if level == 1:
        return f"{subject} are near {others}, but a difference is left."
    return f"{subject} are not distributed like {others}."


def _on_fit(quality: Quality, subject: str, others: str) -> str:
    *before, after = quality.ratios[0]
    rows = f"rows of {others} that the flow had not seen" if quality.is_held_out else others
    sentence = (
        f"{_upper(subject)} are {_times(after)} as far from {rows} as fresh rows of {others} would "
        "be by chance (energy distance)"
    )
    if before:
        sentence += f"; before the move they were {_times(before[0])} as far"
    return f"{sentence}."


def _times(ratio: float) -> str:
    if not np.isfinite(ratio):
        return "an unknown number of times"  # fresh rows are at no distance
    return f"{ratio:.1f} times" if ratio < 10 else f"{ratio:.0f} times"


def _on_telling(telling: Telling, subject: str, others: str) -> str:
    share = (
        f"given one row of each, it is right in {telling.auc:.0%} of cases, where guessing is "
        f"right in 50% ± {telling.error:.0%} (area under the ROC curve)."
    )
    if telling.is_paired:
        share += " Less than half means that rows lie close to the rows that they were fitted to."
    if not telling.is_clear:
        return f"A classifier cannot reliably tell {subject} from {others}: {share}"
    named = [str(name) for name in telling.columns][:3]
    by = f", mostly by {_quoted(named)}" if named else ""
    return f"A classifier tells {subject} from {others}{by}: {share}"


def _and(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _on_copying(copy: float, fresh: list[float], level: int, subject: str, others: str) -> str:
    known = f"{fresh[0]:.2f}" if fresh else "about 1"
    ratio = f"nearest-neighbour ratio {copy:.2f}; copies have 0, fresh rows {known}"
    subject = _upper(subject)
    if level == 0:
        return f"{subject} are not copies of rows of {others} ({ratio})."
    return (
        f"{subject} are nearer to rows of {others} than fresh rows are ({ratio}): look at them "
        "before they are passed on."
    )


def _on_cost(ratio: float, kept: Sequence[str]) -> str:
    if ratio < SCRAMBLED:
        means = "nearly every row went to the place that suits it best"
    elif kept:
        means = f"they are scrambled, or kept {_quoted(kept)} where the shortest way does not"
    else:
        means = "they are scrambled"
    return f"Rows moved {ratio:.2f} times as far as the shortest way to the same result: {means}."


def _on_kept(kept: Sequence[str], others: str) -> str:
    return (
        f"Rows kept {_quoted(kept)}. Where their values of these columns are distributed otherwise "
        f"than those of {others}, the other columns rightly stay apart from {others} too. The "
        "figures below do not tell this from a poor fit: compare rows whose kept values agree."
    )


def _quoted(names: Sequence[str]) -> str:
    return _and([f"“{name}”" for name in names])


def _upper(subject: str) -> str:
    return subject[0].upper() + subject[1:]
