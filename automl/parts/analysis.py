"""A report or a picture made from a finished study."""

from __future__ import annotations

import abc
import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar

from automl.parts.base import Part

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from automl.engine.study import Study


@dataclasses.dataclass(frozen=True)
class Finding:
    """What an analysis found.

    Attributes:
        title: One line.
        rows: A table as plain data, every row with the same keys: words, or figures by their name with its unit
            (``prediction_flops``, ``accuracy``), None where there is none.
        sentences: What the table says, in words.
        figure: A matplotlib figure; None where there is nothing to draw.
    """

    title: str
    rows: Sequence[dict[str, Any]]
    sentences: Sequence[str] = ()
    figure: Figure | None = None


class Analysis(Part, abc.ABC):
    """Looks at a study and says what can be learned from it; it trains nothing and changes nothing."""

    kind: ClassVar[str] = "analysis"

    @abc.abstractmethod
    def run(self, study: Study) -> Finding:
        """What the study tells.

        Raises:
            UsageError: The study is of another kind, or not far enough yet; the message says which.
        """
