"""A search that learns: tree-structured Parzen estimators, by optuna (extra `research`)."""

from __future__ import annotations

from typing import Any

from traderbot.infrastructure.brokers.extras import MissingExtraError
from traderbot.infrastructure.research.search import Trial
from traderbot.infrastructure.research.space import Choice, Parameters, Real, Space, Value, Whole


class LearningSearcher:
    """Tries what seems best after the trials so far; the seed makes the same search again.

    The same version of optuna is needed for that: it promises nothing about other versions.

    Source:
        J. Bergstra et al., "Algorithms for Hyper-Parameter Optimization", NeurIPS 2011.
    """

    def __init__(self, space: Space, *, seed: int, figure: str) -> None:
        """Take the space, the seed, and which figure is to be high.

        Raises:
            MissingExtraError: optuna is not installed.
        """
        try:
            import optuna  # noqa: PLC0415  # an extra
        except ImportError as error:
            raise MissingExtraError(
                "a search that learns needs optuna, which is not installed: install this program "
                "with its extra [research], as in pip install '.[research]'"
            ) from error
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._space, self._figure = space, figure
        self._study = optuna.create_study(
            direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed)
        )
        self._failed = optuna.trial.TrialState.FAIL
        self._asked: Any = None

    def ask(self, number: int) -> Parameters | None:  # noqa: ARG002  # it is asked in order
        """Return the set that is to be tried next."""
        self._asked = self._study.ask()
        return {name: self._suggested(name, it) for name, it in self._space.items()}

    def tell(self, trial: Trial) -> None:
        """Learn what came of it. An undefined figure is learned as a failure."""
        value = trial.figures.get(self._figure)
        if value is None:
            self._study.tell(self._asked, state=self._failed)
        else:
            self._study.tell(self._asked, value)

    def _suggested(self, name: str, dimension: Whole | Real | Choice) -> Value:
        match dimension:
            case Whole(low=low, high=high, step=step):
                top = low + (high - low) // step * step
                return int(self._asked.suggest_int(name, low, top, step=step))
            case Real(low=least, high=most, logarithmic=logarithmic):
                return float(self._asked.suggest_float(name, least, most, log=logarithmic))
            case Choice(options=options):
                found: Value = self._asked.suggest_categorical(name, options)
                return found
