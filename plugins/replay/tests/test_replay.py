from __future__ import annotations

import gzip
import json
import random

import pytest
from automl_replay.query import parse_query
from automl_replay.sources import HPOBench, LCBench, NASBench201, NASBenchGraph, NASBenchMacro, Table
from automl_replay.space import Recorded
from automl_replay.task import RecordedTask

import automl
from automl.engine.goals import check_figures
from automl.errors import UsageError
from automl.parts import DataSpec
from automl.price.tariff import Tariff

SPACE = Recorded()
QUERY = (
    "?config=width,kind&epoch=epoch&score=acc&test=tacc&known=latency_ms_x&training_wall_s=s"
    "&prediction_wall_s=ms*1e-3&parameters=n"
)
ROWS = """width,kind,epoch,acc,tacc,latency_ms_x,s,ms,n
8,a,1,0.5,0.4,3,10,2,100
8,a,3,0.6,,3,30,2,100
16,b,1,0.7,0.6,5,20,4,
16,b,3,,0.8,5,60,4,200
"""


class Draw:
    def __init__(self, seed=0):
        self.random = random.Random(seed)

    def suggest_categorical(self, name, choices):
        return self.random.choice(choices)


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def table(path, text=ROWS, query=QUERY):
    return Table().variant(f"{write(path, text)}{query}")


@pytest.mark.parametrize("name", ["runs.csv", "runs.csv.gz"])
def test_a_table_is_looked_up_by_candidate_and_epoch(tmp_path, name):
    spec = table(tmp_path / name).spec()
    assert SPACE.epochs(spec) == (1, 3)
    assert [(d.name, d.choices) for d in SPACE.dimensions(spec)] == [("width", (8, 16)), ("kind", ("a", "b"))]
    found = SPACE.look_up({"width": 8, "kind": "a"}, spec, 3)
    assert found.metrics == {"acc": 0.6, "latency_ms_x": 3.0}
    assert found.test_metrics == {}
    assert found.training["wall_s"].value == 30
    assert found.prediction["wall_s"].value == pytest.approx(0.002)
    assert found.prediction["wall_s"].method == "measured"
    assert found.prediction["parameters"].method == "counted"


def test_what_is_not_there_is_absent(tmp_path):
    spec = table(tmp_path / "runs.csv").spec()
    assert "parameters" not in SPACE.look_up({"width": 16, "kind": "b"}, spec, 1).prediction
    for config, epochs in [
        ({"width": 8, "kind": "b"}, 1),
        ({"width": 8, "kind": "a"}, 2),
        ({"width": 16, "kind": "b"}, 3),
    ]:
        with pytest.raises(KeyError):
            SPACE.look_up(config, spec, epochs)


def test_before_training_only_the_prediction_is_known(tmp_path):
    spec = table(tmp_path / "runs.csv").spec()
    known = SPACE.before({"width": 8, "kind": "a"}, spec)
    assert known.metrics == {"latency_ms_x": 3.0}
    assert not known.training
    assert set(known.prediction) == {"wall_s", "parameters"}
    assert SPACE.before({"width": 8, "kind": "b"}, spec) is None
    assert SPACE.landmarks(spec) == [{"width": 8, "kind": "a"}]


def test_a_point_may_stand_for_the_nearest_row(tmp_path):
    text = "w,k,acc\n1,a,0.1\n2,a,0.2\n3,a,0.3\n9,b,0.9\n"
    spec = table(tmp_path / "t.csv", text, "?config=w,k&score=acc&missing=nearest").spec()
    drawn = [SPACE.suggest(Draw(seed), spec) for seed in range(20)]
    assert {SPACE.look_up(config, spec, 1).metrics["acc"] for config in drawn} <= {0.1, 0.2, 0.3, 0.9}

    class Near(Draw):
        def suggest_categorical(self, name, choices):
            return {"w": 3, "k": "b"}[name]

    assert SPACE.suggest(Near(), spec) == {"w": 9, "k": "b"}


def test_goals_of_the_data_are_known_to_the_task(tmp_path):
    source = table(tmp_path / "runs.csv", query=QUERY + "&direction=min")
    spec = DataSpec.from_json(json.loads(json.dumps(source.spec().to_json())))
    assert spec.source == source.name
    stem, _, text = spec.task.partition(":")
    assert stem in SPACE.tasks
    task = RecordedTask().variant(text)
    assert (task.name, task.score, task.direction) == (spec.task, "acc", "minimize")
    check_figures(["acc", "latency_ms_x", "training_wall_s"], task, Tariff())
    with pytest.raises(UsageError):
        check_figures(["latency_ms_y"], task, Tariff())


@pytest.mark.parametrize(
    ("text", "query", "says"),
    [
        ("", QUERY, "no rows"),
        ("width,kind\n", QUERY, "no rows"),
        ("width,acc\n1,2\n", "?config=width&score=nonesuch", "no column 'nonesuch'"),
        ("width,acc\n1,good\n", "?config=width&score=acc", "row 2, acc: no number"),
        ("width,acc\n1,inf\n", "?config=width&score=acc", "not finite"),
        ("width,acc,s\n1,2,-1\n", "?config=width&score=acc&training_wall_s=s", "not negative"),
        ("width,acc\n1,2,3\n", "?config=width&score=acc", "row 2, has 3 cells"),
        ("width,width\n1,2\n", "?config=width&score=width", "two columns of one name"),
        ("width,acc\n1,2\n1,3\n", "?config=width&score=acc", "row 3, repeats"),
        ("w,e,acc\n1,0.5,3\n", "?config=w&score=acc&epoch=e", "whole numbers"),
    ],
)
def test_a_bad_table_is_told(tmp_path, text, query, says):
    with pytest.raises(UsageError, match=says):
        table(tmp_path / "bad.csv", text, query).spec()


def test_a_damaged_archive_is_told(tmp_path):
    path = tmp_path / "runs.csv.gz"
    for content in (gzip.compress(ROWS.encode())[:-20], b"no archive", b"\x1f\x8b\x08\x00broken"):
        path.write_bytes(content)
        with pytest.raises(UsageError, match="cannot be read"):
            Table().variant(f"{path}{QUERY}").spec()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("runs.csv", "columns of a candidate"),
        ("runs.csv?config=a", "that of the score"),
        ("runs.csv?config=a&score=b&scores=c", "Did you mean 'score'"),
        ("runs.csv?config=a&score=b&score=c", "twice"),
        ("runs.csv?config=a&score=b&direction=up", "direction is"),
        ("runs.csv?config=a&score=b&parameters=n*0", "positive factor"),
    ],
)
def test_a_bad_query_is_told(text, says):
    with pytest.raises(UsageError, match=says):
        parse_query(text)


def nas201(folder):
    header = (
        "arch_idx,op0,op1,op2,op3,op4,op5,c_val_acc_s0,c_val_acc_s1,c_train_time_s,c_latency_s,c_params_M,lat_ms_fpga\n"
    )
    rows = "0,a,a,a,a,a,a,80,,100,0.01,0.5,2.5\n1,b,a,a,a,a,a,70,90,200,0.02,1.5,3.5\n"
    return write(folder / "replay" / "nasbench201" / "cifar10.csv.gz", header + rows)


def test_nas_bench_201(tmp_path, monkeypatch):
    nas201(tmp_path)
    monkeypatch.setenv("AUTOML_DATA_DIR", str(tmp_path))
    spec = NASBench201().spec()
    assert spec.train_size == 25_000
    ops = {f"op{index}": "a" for index in range(6)}
    one, other = (SPACE.look_up({**ops, "op0": op}, spec, 200) for op in "ab")
    assert one.metrics == {"accuracy": 0.8, "batch_latency_s": 0.01, "latency_ms_fpga": 2.5}
    assert other.metrics["accuracy"] == pytest.approx(0.8)
    assert (one.training["wall_s"].value, one.prediction["parameters"].value) == (100, 500_000)
    named = NASBench201().variant(f"cifar10@{tmp_path / 'replay' / 'nasbench201'}")
    monkeypatch.delenv("AUTOML_DATA_DIR")
    assert named.spec().task == spec.task


def test_missing_files_are_told(tmp_path, monkeypatch):
    monkeypatch.delenv("AUTOML_DATA_DIR", raising=False)
    with pytest.raises(UsageError, match="Set AUTOML_DATA_DIR"):
        NASBench201().spec()
    monkeypatch.setenv("AUTOML_DATA_DIR", str(tmp_path))
    with pytest.raises(UsageError, match=r"no cifar100\.csv\.gz or cifar100\.csv in .*should be a table"):
        NASBench201().variant("cifar100").spec()
    with pytest.raises(UsageError, match=r"no model\.onnx"):
        LCBench().spec()
    for source, text in [(NASBench201(), "cifar1000"), (LCBench(), "../x"), (HPOBench(), "a b")]:
        with pytest.raises(UsageError, match="variant of"):
            source.variant(text)


def test_nas_bench_macro_counts_multiply_adds_twice(tmp_path):
    path = write(tmp_path / "cifar10.csv", "arch,acc_mean,acc_std,params,flops\n01200000,90,1,5,7\n00000000,80,1,4,6\n")
    spec = NASBenchMacro().variant(f"cifar10@{path}").spec()
    config = {f"block{index}": "identity" for index in range(8)} | {"block1": "mb3_k3", "block2": "mb6_k5"}
    found = SPACE.look_up(config, spec, 1)
    assert found.metrics == {"accuracy": pytest.approx(0.9)}
    assert {name: figure.value for name, figure in found.prediction.items()} == {"flops": 14, "parameters": 5}
    assert not found.training
    bad = write(tmp_path / "bad.csv", "arch,acc_mean,acc_std,params,flops\n9,90,1,5,7\n")
    with pytest.raises(UsageError, match="another way"):
        NASBenchMacro().variant(f"cifar10@{bad}").spec()


def test_nas_bench_graph_reads_its_numbers(tmp_path):
    path = write(
        tmp_path / "cora.csv", "arch_hash,valid_perf,perf,latency,para\n7,0.7,0.6,0.01,0.5\n88012,0.8,0.7,0.02,1\n"
    )
    spec = NASBenchGraph().variant(f"cora@{path}").spec()
    config = {"link": "tree-0123", "op0": "skip", "op1": "gat", "op2": "gcn", "op3": "gin"}
    found = SPACE.look_up(config, spec, 1)
    assert (found.metrics, found.test_metrics) == ({"accuracy": 0.8}, {"accuracy": 0.7})
    assert SPACE.look_up({"link": "tree-0000", "op0": "gat", "op1": "gat", "op2": "gat", "op3": "fc"}, spec, 1)


def lcbench(folder):
    """A net whose outputs are sums of the epoch: its seconds fall, its accuracy rises."""
    onnx = pytest.importorskip("onnx")
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    weight = np.zeros((8, 6), dtype=np.float32)
    weight[0] = [-1, 1, 0, 0, 0, 0.5]
    bias = np.array([100, 0, 0.25, 0.5, 1, 0], dtype=np.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x_cont", "w"], ["y"]), helper.make_node("Add", ["y", "b"], ["output"])],
        "toy",
        [
            helper.make_tensor_value_info("x_cont", TensorProto.FLOAT, ["n", 8]),
            helper.make_tensor_value_info("x_cat", TensorProto.INT32, ["n", 1]),
        ],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["n", 6])],
        [numpy_helper.from_array(weight, "w"), numpy_helper.from_array(bias, "b")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(model, folder / "model.onnx")
    (folder / "encoding.json").write_text(json.dumps({"OpenML_task_id": {"#na#": 0, "3945": 1}}))
    return folder


def test_lcbench_pays_the_most_so_far(tmp_path):
    spec = LCBench().variant(f"3945@{lcbench(tmp_path / 'lc')}").spec()
    config = {dimension.name: dimension.default for dimension in SPACE.dimensions(spec)}
    assert SPACE.epochs(spec) == (2, 6, 17, 52)
    found = [SPACE.look_up(config, spec, epochs) for epochs in SPACE.epochs(spec)]
    assert [recording.training["wall_s"].value for recording in found] == [98] * 4
    assert [recording.metrics["accuracy"] for recording in found] == pytest.approx([0.02, 0.06, 0.17, 0.52])
    assert found[0].test_metrics == {"cross_entropy": 1.0, "balanced_accuracy": 1.0}
    assert found[0].training["wall_s"].method == "estimated"
    with pytest.raises(KeyError):
        SPACE.look_up(config, spec, 3)
    with pytest.raises(UsageError, match="task of LCBench"):
        LCBench().variant(f"1@{tmp_path / 'lc'}").spec()


def test_a_damaged_surrogate_is_told(tmp_path):
    folder = lcbench(tmp_path / "broken")
    (folder / "model.onnx").write_bytes(b"no net")
    with pytest.raises(UsageError, match="no net"):
        LCBench().variant(f"3945@{folder}").spec()
    (folder / "encoding.json").write_text("[]")
    with pytest.raises(UsageError, match="does not number"):
        LCBench().variant(f"3945@{folder}").spec()


def test_there_is_nothing_to_train_or_build(tmp_path):
    source = table(tmp_path / "runs.csv")
    spec = source.spec()
    for call in (
        lambda: SPACE.build({}, spec),
        lambda: RecordedTask().module(None, {}, spec),
        lambda: RecordedTask().decode(None, spec),
        lambda: source.datamodule(spec, batch_size=1, seed=0),
        lambda: source.read(tmp_path, spec),
    ):
        with pytest.raises(UsageError):
            call()
    for text in ("", "a:up", "a,,b"):
        if text:
            with pytest.raises(UsageError, match="come metrics"):
                RecordedTask().variant(text)


def test_a_candidate_that_was_never_recorded_leaves_the_bill_as_it_is(tmp_path):
    (tmp_path / "runs.csv").write_text("width,depth,val,seconds\n8,1,0.5,1\n8,2,0.6,2\n16,1,0.7,4\n")
    source = f"table:{tmp_path / 'runs.csv'}?config=width,depth&score=val&training_wall_s=seconds"
    study = automl.search(
        "recorded",
        data=source,
        goals=("val:max", "training_wall_s:min"),
        strategy="grid",
        trials=10,
        home=tmp_path,
        tracking_uri="off",
    )
    assert sorted(record.result.status for record in study.records) == ["complete"] * 3 + ["failed"]
    assert study.bill["wall_s"].value == 7.0


def test_a_recorded_study_whose_database_is_gone_is_looked_up_again(tmp_path):
    from automl.doctor.study import examine_study

    (tmp_path / "runs.csv").write_text("width,depth,val,seconds\n8,1,0.5,1\n8,2,0.6,2\n16,1,0.7,4\n16,2,0.8,8\n")
    source = f"table:{tmp_path / 'runs.csv'}?config=width,depth&score=val&training_wall_s=seconds"
    settings = {"data": source, "goals": ("val:max", "training_wall_s:min"), "trials": 4, "tracking_uri": "off"}
    settings |= {"home": tmp_path, "study": "s"}
    study = automl.search("recorded", **settings)
    (check,) = [check for check in examine_study(tmp_path, "s") if check.name == "study s"]
    assert "looked up and not trained" in check.found
    (tmp_path / "study.db").unlink()
    assert [check.status for check in examine_study(tmp_path, "s", repair=True)] == ["mended", "ok"]
    assert automl.open_study("s", tmp_path).records == []
    again = automl.search("recorded", **settings)
    then, now = ([{**record.to_json(), "finished_ms": 0} for record in each.records] for each in (study, again))
    assert now == then
