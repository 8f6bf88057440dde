"""What holds for every analysis.

A plugin author subclasses the suite and names a study that the analysis fits, and one that it does not::

    class TestMine(AnalysisSuite):
        part = Mine()

        @pytest.fixture
        def study(self): ...

        @pytest.fixture
        def unfit(self): ...
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, ClassVar

import pytest

from automl.errors import UsageError
from automl.report import analyses
from automl.testing.parts import PartSuite

if TYPE_CHECKING:
    from pathlib import Path

    from automl.engine.study import Study
    from automl.parts import Analysis

PNG = b"\x89PNG"


class AnalysisSuite(PartSuite):
    """Tests that every analysis passes.

    Attributes:
        part: The analysis under test.
    """

    part: ClassVar[Analysis]

    @pytest.fixture
    def study(self) -> Study:
        """A finished study that the analysis fits."""
        raise NotImplementedError

    @pytest.fixture
    def unfit(self) -> Study:
        """A finished study that it does not fit."""
        raise NotImplementedError

    def test_the_table_is_plain_data(self, study: Study) -> None:
        """Every row has the same keys, and JSON takes it as it is."""
        rows = list(self.part.run(study).rows)
        assert rows, "the table is empty"
        assert json.loads(json.dumps(rows, default=repr)) == rows, "the table does not survive JSON"
        assert {tuple(row) for row in rows} == {tuple(rows[0])}, "the rows have different keys"

    def test_the_same_study_gives_the_same(self, study: Study) -> None:
        """Nothing but the study decides."""
        one, other = self.part.run(study), self.part.run(study)
        assert (one.rows, one.sentences, one.title) == (other.rows, other.sentences, other.title)

    def test_the_study_is_left_as_it_was(self, study: Study) -> None:
        """It only looks."""
        before = {path: path.stat().st_mtime_ns for path in study.folder.rglob("*")}
        records = study.records
        self.part.run(study)
        assert study.records == records, "the records are others now"
        assert before == {path: path.stat().st_mtime_ns for path in study.folder.rglob("*")}, "files have changed"

    def test_what_it_found_can_be_kept(self, study: Study, tmp_path: Path) -> None:
        """As a table and, where there is something to draw, as a picture."""
        finding = self.part.run(study)
        written = analyses.keep(finding, tmp_path / "kept")
        assert (finding.figure is None) == (len(written) == 1)
        assert written[0].read_text().count("\n") > len(finding.rows)
        for picture in written[1:]:
            assert picture.read_bytes().startswith(PNG), f"{picture.name} is no picture"

    def test_a_study_that_does_not_fit_is_told(self, unfit: Study) -> None:
        """As the user's error."""
        with pytest.raises(UsageError):
            self.part.run(unfit)
