"""The names of what a run leaves in its folder: a contract with everyone who reads it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from riskmodel.errors import UsageError

PSEUDONYMISED = "pseudonymised"
FEATURES = "features.parquet"
FEATURE_INFO = "features.json"
LEAKAGE = "leakage.json"
LABELS = "labels.parquet"
COHORT = "cohort.json"
LEAVING = "leaving.parquet"
LEAVING_RISKS = "leaving_risks.parquet"
SUBJECTS = "pseudonymised/subjects.parquet"
LINKS = "links.parquet"
DATA_REPORT = "data_contract.json"
QUALITY = "data_quality.json"
QUALITY_PAGE = "data_quality.html"
MODEL = "model"
PREDICTIONS = "predictions.parquet"
BACKTEST = "backtest.parquet"
TRAINING = "training.json"
TRACKING = "tracking.json"
EVALUATION = "evaluation.json"
FAIRNESS = "fairness.json"
FAIRNESS_PAGE = "fairness.html"
SCREENING = "screening.parquet"
SCREENING_WORKBOOK = "screening.xlsx"
SCREENING_PAGE = "screening.html"
SCREENING_CHANGES = "screening_changes.parquet"
SCREENING_VIEWS = "screening_views"
SCREENING_SCORES = "screening_scores.parquet"
SCREENING_PARTS = ".screening-parts"
SCREENING_CHECK = "screening_check.json"
DECISIONS = "decisions.parquet"
FORGOTTEN = "forgotten.json"
FORGETTING = "forgetting.json"
ROTATION = "repseudonymised.json"
MODEL_CARD = "model_card.html"
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class RunFolder:
    """The folder of one run.

    Parameters
    ----------
    root : pathlib.Path
        The configured `out`.
    """

    root: Path

    def path(self, name: str) -> Path:
        """Return where an artifact is, or will be.

        Parameters
        ----------
        name : str
            One of this module's names.

        Returns
        -------
        pathlib.Path
            Its path.
        """
        return self.root / name

    def require(self, name: str, *, made_by: str) -> Path:
        """Return where an artifact is, if it is there.

        Parameters
        ----------
        name : str
            One of this module's names.
        made_by : str
            The command that makes it.

        Returns
        -------
        pathlib.Path
            Its path.

        Raises
        ------
        UsageError
            If it has not been made yet.
        """
        path = self.path(name)
        if not path.exists():
            raise UsageError(
                f"`{name}` must be in the run's folder, got none. "
                f"Run `riskmodel {made_by}` first, or `riskmodel run` for all stages."
            )
        return path
