from __future__ import annotations

from collections import Counter

from automl_vision.repeats import Known, repeats
from automl_vision.splits import HELD_SHARE, split_by_content, split_hash
from hypothesis import given
from hypothesis import strategies as st

examples = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 60)), min_size=1, max_size=120)
"""Label and contents of each."""


def split(pairs, held=("val", "test"), seed=0):
    return split_by_content([label for label, _ in pairs], [f"k{key}" for _, key in pairs], held, seed)


def contents(pairs, indices):
    return [pairs[index] for index in indices]


@given(examples)
def test_every_example_is_in_one_split_and_the_same_contents_are_in_the_same(pairs):
    found = split(pairs)
    assert sorted(index for indices in found.values() for index in indices) == list(range(len(pairs)))
    keys = [{key for _, key in contents(pairs, indices)} for indices in found.values()]
    assert sum(map(len, keys)) == len({key for _, key in pairs})


@given(examples, st.randoms())
def test_contents_alone_decide(pairs, draw):
    """The order in which files are found, and so their names, do not."""
    # Of the same contents under two labels the first decides the class, so that they are left out here.
    pairs = list({key: (label, key) for label, key in pairs}.values())
    other = draw.sample(pairs, len(pairs))
    one, two = split(pairs), split(other)
    assert {name: contents(pairs, one[name]) for name in one} == {name: contents(other, two[name]) for name in two}


@given(st.lists(st.integers(1, 80), min_size=1, max_size=5), st.integers(0, 9))
def test_each_class_is_in_proportion_and_none_is_without_training(sizes, seed):
    pairs = [(label, 100 * label + number) for label, size in enumerate(sizes) for number in range(size)]
    found = split(pairs, seed=seed)
    counts = {name: Counter(label for label, _ in contents(pairs, indices)) for name, indices in found.items()}
    for label, size in enumerate(sizes):
        held = max(1, round(HELD_SHARE * size))
        assert counts["val"][label] == (held if size > 1 else 0)
        assert counts["test"][label] == (held if size > 2 else 0)
        assert counts["train"][label] >= 1


@given(st.lists(st.integers(1, 9), min_size=3, max_size=30))
def test_repeated_examples_leave_every_split_some(copies):
    pairs = [(0, key) for key, count in enumerate(copies) for _ in range(count)]
    assert all(split(pairs).values())


def test_the_seed_decides_the_chance():
    pairs = [(0, key) for key in range(40)]
    assert split(pairs, seed=1) == split(pairs, seed=1) != split(pairs, seed=2)


def test_one_more_example_moves_few_others():
    pairs = [(0, key) for key in range(100)]
    before, after = split(pairs), split([*pairs, (0, 1000)])
    assert len(set(before["test"]) - set(after["test"])) <= 1
    assert len(set(before["val"]) - set(after["val"])) <= 2


def test_only_what_is_asked_for_is_held_out():
    assert split([(0, key) for key in range(20)], held=("val",)).keys() == {"train", "val"}
    assert split([(0, 1), (0, 2)], held=()) == {"train": split([(0, 1), (0, 2)], held=())["train"]}


@given(examples, examples)
def test_a_hash_is_another_where_contents_labels_or_order_are(one, other):
    def of(pairs):
        return split_hash([f"k{key}" for _, key in pairs], [label for label, _ in pairs])

    assert (of(one) == of(other)) == (one == other)
    assert of(one) == of(list(one))


def known(*examples):
    return Known(*map(list, zip(*examples, strict=True)))


def test_repeats_are_told_by_name():
    splits = {
        "train": known(("a", 0, "t/a"), ("b", 0, "t/b"), ("b", 1, "t/b2"), ("c", 0, "t/c")),
        "val": known(("d", 0, "v/d"), ("d", 0, "v/d2")),
        "test": known(("a", 0, "x/a"), ("e", 0, "x/e")),
    }
    leak, torn, within = repeats(splits)
    assert "Leak: 1 image stands in more than one split (t/a = x/a)" in leak
    assert "1 image has more than one label (t/b = t/b2)" in torn
    assert "2 images repeat others of the same split" in within
    assert repeats({"train": known(("a", 0, "a")), "test": known(("b", 0, "b"))}) == []


def test_many_repeats_are_counted():
    both = [(str(key), 0, f"p{key}") for key in range(30)]
    [leak] = repeats({"train": known(*both), "test": known(*both)})
    assert "30 images" in leak
    assert "p9 = p9 and 20 more" in leak
