"""How stages tell how far they have come, without knowing who listens."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Listens to a run."""

    def start(self, stage: str) -> None:
        """Note that a stage begins.

        Parameters
        ----------
        stage : str
            The stage's name.
        """

    def advance(self, share: float) -> None:
        """Note how much of the current stage is done.

        Parameters
        ----------
        share : float
            In [0, 1].
        """

    def finish(self, note: str) -> None:
        """Note that the current stage ended.

        Parameters
        ----------
        note : str
            What came of it: counts and names only.
        """


class SilentProgress:
    """Listens and says nothing."""

    def start(self, stage: str) -> None:
        """Note that a stage begins.

        Parameters
        ----------
        stage : str
            The stage's name.
        """

    def advance(self, share: float) -> None:
        """Note how much of the current stage is done.

        Parameters
        ----------
        share : float
            In [0, 1].
        """

    def finish(self, note: str) -> None:
        """Note that the current stage ended.

        Parameters
        ----------
        note : str
            What came of it.
        """
