"""What a run reads first: files, and what SS 12000 delivers, in an engine of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from riskmodel.config.models import RunConfig
from riskmodel.engine.session import Engine, open_engine
from riskmodel.ingest.ss12000.delivery import Delivery, open_delivery
from riskmodel.pipeline.keys import list_shared_places


@contextmanager
def open_extracts(
    config: RunConfig,
    project: Path,
    notify: Callable[[float], None] = lambda _: None,
    *,
    is_needed: bool = True,
) -> Iterator[tuple[Engine, Delivery]]:
    """Open an engine, and the delivery of SS 12000 where there is one.

    Parameters
    ----------
    config : RunConfig
        Names the extracts.
    project : pathlib.Path
        The folder of the configuration file, where no token may lie.
    notify : callable, optional
        Is told how much has been delivered, in [0, 1].
    is_needed : bool, default True
        Without it a folder of pages that is not on this machine is taken for no delivery.

    Yields
    ------
    engine : Engine
        For the length of the block.
    delivery : Delivery
        Extracts beside those of `sources`; empty where there is no delivery.

    Raises
    ------
    DataContractError
        If the delivery is not what the standard describes.
    """
    spec = config.ss12000
    if not is_needed and spec is not None and spec.path is not None and not spec.path.exists():
        spec = None
    with (
        open_engine(config.engine.embedded) as engine,
        open_delivery(
            engine,
            spec,
            config.tables,
            temporary_folder=config.engine.temporary_folder,
            forbidden=list_shared_places(config, project),
            notify=notify,
        ) as delivery,
    ):
        yield engine, delivery
