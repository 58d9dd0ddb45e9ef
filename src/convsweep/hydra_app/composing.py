"""Each job's configuration composed once, though sweeper and launcher both ask for it."""

from collections.abc import Sequence

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.config_loader import ConfigLoader
from omegaconf import DictConfig


class ComposingOnce(ConfigLoaderImpl):
    """Hydra's own loader, with a memory for what was composed ahead.

    Composing takes 0.05 s a job. A launcher that composes in another process does so there again.
    """

    def __init__(self, loader: ConfigLoader) -> None:
        super().__init__(loader.get_search_path())
        self._ahead: dict[tuple[str, ...], DictConfig] = {}

    def compose_ahead(self, master_config: DictConfig, sweep_overrides: Sequence[str]) -> DictConfig:
        """Compose a job's configuration and keep it for the launcher."""
        composed = super().load_sweep_config(master_config, list(sweep_overrides))
        self._ahead[tuple(sweep_overrides)] = composed
        return composed

    def load_sweep_config(self, master_config: DictConfig, sweep_overrides: list[str]) -> DictConfig:
        """Hand out what was composed ahead, once; compose otherwise."""
        kept = self._ahead.pop(tuple(sweep_overrides), None)
        return super().load_sweep_config(master_config, sweep_overrides) if kept is None else kept

    def __getstate__(self) -> dict[str, object]:
        """Leave the memory behind when going to another process."""
        return self.__dict__ | {"_ahead": {}}
