"""How MLflow loads and calls a logged model, without running code from the model's files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from riskmodel.models.persistence import load_model
from riskmodel.models.training import RiskModel


class RiskScorer:
    """Scores a table of features with a saved model, as MLflow's generic model flavour asks.

    Parameters
    ----------
    model : RiskModel
        A fitted model.
    """

    def __init__(self, model: RiskModel) -> None:
        self.model = model

    def predict(
        self, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> npt.NDArray[np.float64]:
        """Return the calibrated risk of each row.

        Parameters
        ----------
        model_input : pandas.DataFrame of shape (n, p)
            The model's features; NaN where missing.
        params : dict, optional
            Not used: MLflow's interface has it.

        Returns
        -------
        numpy.ndarray of float, shape (n,)
            Probabilities in [0, 1] of not completing.
        """
        del params
        return self.model.predict_risk(model_input)


def _load_pyfunc(data_path: str) -> RiskScorer:
    """Load the model that MLflow stored: the entry point that it looks for by name."""
    return RiskScorer(load_model(Path(data_path)))
