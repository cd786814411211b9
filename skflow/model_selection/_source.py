"""Sources that no cross-validation slices."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from skflow._utils import unwrap_source

__all__ = ["whole"]


def whole(X_source: ArrayLike) -> tuple[ArrayLike]:
    """Wrap a source, so that cross-validation passes it to ``fit`` as a whole.

    Cross-validation, as in ``GridSearchCV.fit(X, X_source=S)``, slices every argument that is as
    long as X. If S happens to have as many rows as X, every fold silently sees a part of it. A
    tuple of one table has the length one and is never sliced; a `Pipeline` with
    ``transform_input=["X_source"]`` transforms the table inside, data frame or array, and keeps the
    tuple; and ``fit`` of a flow takes the table out.

    Parameters
    ----------
    X_source : array-like of shape (n_rows, n_features)
        Source rows.

    Returns
    -------
    X_source : tuple of one array-like
        To be given to ``fit`` as ``X_source``.

    Raises
    ------
    ValueError
        If X_source is not a table.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skflow import SDFlowSampler
    >>> from skflow.model_selection import whole
    >>> rng = np.random.default_rng(0)
    >>> X, S = rng.normal(1.0, 1.0, (60, 2)), rng.normal(0.0, 2.0, (60, 2))
    >>> search = GridSearchCV(SDFlowSampler(random_state=0), {"n_steps": [5, 20]}, cv=3)
    >>> search.fit(X, X_source=whole(S)).best_estimator_.source_.shape
    (60, 2)
    """
    rows, is_whole = unwrap_source(X_source)
    if not is_whole and np.ndim(rows) != 2:
        raise ValueError(f"X_source must be a table, got {np.ndim(rows)} dimension(s).")
    return (rows,)
