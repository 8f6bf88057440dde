"""Tables and surrogates that somebody else made: bombs, absurd numbers, nets that would load code."""

from __future__ import annotations

import gzip
import json
import pickle

import pytest
from automl_replay import files, opening
from automl_replay.files import read_sheet
from automl_replay.lcbench import LCBenchmark
from automl_replay.sources import HPOBench, LCBench, NASBench201, Table

from automl.errors import UsageError
from automl.testing.hostile import Payload, unexecuted

QUERY = "?config=width&epoch=epoch&score=acc&training_wall_s=s&metrics=other"
HEAD = "width,epoch,acc,s,other\n"


@pytest.fixture
def marker(tmp_path):
    with unexecuted(tmp_path) as path:
        yield path


def opened(path, rows):
    path.write_bytes(rows if isinstance(rows, bytes) else (HEAD + rows).encode())
    return Table().variant(f"{path}{QUERY}").spec()


class TestTables:
    @pytest.mark.parametrize(
        "rows",
        [
            "1,inf,0.5,1,1\n", "1,nan,0.5,1,1\n", "1,1e400,0.5,1,1\n", "1,1e300,0.5,1,1\n", "1,-1,0.5,1,1\n",
            "1,1,inf,1,1\n", "1,1,1e999,1,1\n", "1,1,0.5,-1,1\n", "1,1,0.5,1,__import__('os')\n", "1,1,0.5\n",
            "1," + "9" * 5000 + ",0.5,1,1\n", "1,1,0.5,1," + "x" * 200_000 + "\n", '"1,1\n', "",
        ],
    )  # fmt: skip
    def test_cells_of_any_kind_are_told_with_their_place(self, rows, tmp_path):
        with pytest.raises(UsageError, match=r"t\.csv"):
            opened(tmp_path / "t.csv", rows)

    def test_whole_numbers_that_no_float_holds_are_words(self, tmp_path):
        opened(tmp_path / "t.csv", f"{'9' * 400},1,0.5,1,1\n1,1,0.5,1,1\n")

    def test_a_mean_beyond_all_numbers(self, tmp_path):
        path = tmp_path / "t.csv"
        path.write_text("width,acc,s\n1,0.5,1e308\n")
        with pytest.raises(UsageError, match="is too large"):
            Table().variant(f"{path}?config=width&score=acc&training_wall_s=s*1e10").spec()

    def test_a_pickle_is_no_table(self, marker, tmp_path):
        data = pickle.dumps(Payload(marker))
        for name, packed in (("t.csv", data), ("t.csv.gz", data), ("u.csv.gz", gzip.compress(data))):
            with pytest.raises(UsageError):
                opened(tmp_path / name, packed)

    @pytest.mark.parametrize(
        ("limit", "most"), [("MOST_CHARACTERS", 10**6), ("MOST_ROWS", 10**4), ("MOST_CELLS", 10**5)]
    )
    def test_what_unpacks_to_more_than_memory_holds(self, limit, most, tmp_path, monkeypatch):
        """The file has some kilobytes; only so much of it is unpacked as it takes to see that it is too much."""
        monkeypatch.setattr(files, limit, most)
        path = tmp_path / "t.csv.gz"
        path.write_bytes(gzip.compress(HEAD.encode() + b"1,1,0.5,1,1\n" * 200_000))
        assert path.stat().st_size < 10_000
        with pytest.raises(UsageError, match="is too large a table"):
            read_sheet(path)

    def test_a_line_without_an_end(self, tmp_path):
        path = tmp_path / "t.csv.gz"
        path.write_bytes(gzip.compress(b"a" * 5_000_000))
        with pytest.raises(UsageError, match="field larger than field limit"):
            read_sheet(path)

    @pytest.mark.parametrize("variant", ["../../etc/passwd", "..", "a/b", "car/../x", "/etc/passwd", "a.b"])
    @pytest.mark.parametrize("source", [HPOBench, LCBench, NASBench201])
    def test_a_variant_names_no_file_elsewhere(self, source, variant):
        with pytest.raises(UsageError, match="There is no"):
            source().variant(variant)


class TestSurrogate:
    def folder(self, tmp_path, net, encoding):
        (tmp_path / "model.onnx").write_bytes(net)
        (tmp_path / "encoding.json").write_text(encoding)
        return tmp_path

    @pytest.mark.parametrize(
        "encoding", ["[" * 100_000, "17", "{}", '{"OpenML_task_id": 3}', '{"OpenML_task_id": {"1": "x"}}',
                     '{"OpenML_task_id": {"1": Infinity}}', '{"OpenML_task_id": {"1": 1e400}}']
    )  # fmt: skip
    def test_an_encoding_of_another_shape(self, encoding, tmp_path):
        with pytest.raises(UsageError, match=r"does not number the tasks|There is no task"):
            LCBenchmark(self.folder(tmp_path, b"", encoding), "1")

    def test_a_task_whose_number_the_net_has_no_room_for(self, tmp_path):
        with pytest.raises(UsageError, match="There is no task"):
            LCBenchmark(self.folder(tmp_path, b"", json.dumps({"OpenML_task_id": {"1": 2**40}})), "1")

    def test_a_pickle_is_no_net(self, marker, tmp_path):
        pytest.importorskip("onnxruntime")
        net = pickle.dumps(Payload(marker))
        with pytest.raises(UsageError, match="no net"):
            LCBenchmark(self.folder(tmp_path, net, '{"OpenML_task_id": {"1": 1}}'), "1")

    @pytest.mark.parametrize("kind", ["operator", "file"])
    def test_a_net_brings_neither_code_nor_files(self, kind, tmp_path):
        """An operator of one's own lies in a library, which a net cannot name; weights cannot lie elsewhere."""
        pytest.importorskip("onnxruntime")
        onnx = pytest.importorskip("onnx")
        helper = onnx.helper
        if kind == "operator":
            node, held = helper.make_node("Run", ["x_cont"], ["y"], domain="evil"), []
        else:
            weight = onnx.TensorProto(name="w", data_type=1, dims=[1], data_location=onnx.TensorProto.EXTERNAL)
            for key, value in (("location", "../../../../../../../../etc/hostname"), ("length", "4")):
                entry = weight.external_data.add()
                entry.key, entry.value = key, value
            node, held = helper.make_node("Mul", ["x_cont", "w"], ["y"]), [weight]
        values = [helper.make_tensor_value_info(name, 1, [4, 8]) for name in ("x_cont", "y")]
        graph = helper.make_graph([node], "g", values[:1], values[1:], held)
        domains = [helper.make_opsetid("", 17), helper.make_opsetid("evil", 1)]
        net = helper.make_model(graph, opset_imports=domains, ir_version=8).SerializeToString()
        opening._published.cache_clear()
        with pytest.raises(UsageError, match="no net"):
            LCBenchmark(self.folder(tmp_path, net, '{"OpenML_task_id": {"1": 1}}'), "1")
