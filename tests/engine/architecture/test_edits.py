"""Edits of a draft: what they do, what they refuse, and that undoing takes each of them back."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from backpropviz.engine.architecture import edits
from backpropviz.engine.architecture import edits as ends
from backpropviz.engine.architecture.draft import Draft, build_network, draft_of, survey
from backpropviz.engine.architecture.edits import DraftHistory
from backpropviz.engine.architecture.presets import preset
from backpropviz.engine.kinds.activation import ReLU, Tanh
from backpropviz.engine.kinds.join import Add
from backpropviz.engine.kinds.pooling import MaxPool2d
from backpropviz.engine.kinds.registry import catalog, entry_of, layer_kinds
from backpropviz.errors import UserError
from tests.engine.architecture.drafting import STARTS, STEPS, Step


def lenet() -> Draft:
    return draft_of(preset("lenet", (1, 28, 28), 10), "LeNet")


def resnet() -> Draft:
    return draft_of(preset("resnet-tiny", (3, 32, 32), 10), "ResNet-tiny")


@given(STARTS, STEPS)
@settings(max_examples=150)
def test_random_edits_raise_nothing_else_and_are_undone_one_by_one(
    start: Draft, steps: list[Step]
) -> None:
    history = DraftHistory(start)
    drafts = [start]
    for step in steps:
        try:
            edited = step.apply(history.present)
        except UserError:
            continue
        assert len(set(edited.names)) == len(edited.names)
        known = {"image"}
        for node in edited.nodes:
            assert node.inputs
            assert known.issuperset(node.inputs)
            known.add(node.name)
        found = survey(edited)
        if found.problem is None:
            network = build_network(edited)
            assert dict(network.shapes) == dict(found.shapes)
        history = history.edited(step.what, edited)
        if history.present != drafts[-1]:
            drafts.append(history.present)
    back = history
    for draft in reversed(drafts):
        assert back.present == draft
        back = back.undone()
    for draft in drafts:
        assert back.present == draft
        back = back.redone()


def test_every_kind_is_in_the_catalog_and_can_be_added() -> None:
    assert set(catalog()) == set(layer_kinds())
    for kind, entry in catalog().items():
        added = edits.add(lenet(), entry.layer, "pool1")
        assert added.nodes[3].layer.kind == kind


def test_the_next_reader_reads_a_new_layer_and_others_do_not() -> None:
    draft = edits.add(resnet(), Tanh(), "relu1")
    assert draft.node("tanh1").inputs == ("relu1",)
    assert draft.node("conv2").inputs == ("tanh1",)
    assert draft.node("add1").inputs == ("norm3", "relu1")


def test_a_first_and_a_last_layer_can_be_added() -> None:
    draft = edits.add(lenet(), Tanh(), "image")
    assert (draft.names[0], draft.node("conv1").inputs) == ("tanh1", ("tanh1",))
    assert edits.add(draft, Tanh(), "dense3").output == "tanh2"


def test_a_join_reads_the_nearest_output_of_the_same_shape() -> None:
    draft = edits.add(resnet(), Add(), "norm3")
    assert draft.node("add4").inputs == ("norm3", "conv3")
    assert survey(draft).problem is None


def test_readers_of_a_removed_layer_read_what_it_read() -> None:
    draft = edits.remove(resnet(), "relu1")
    assert draft.node("conv2").inputs == ("norm1",)
    assert draft.node("add1").inputs == ("norm3", "norm1")
    assert survey(draft).problem is None


def test_in_a_chain_layers_change_places_with_their_wires() -> None:
    draft = edits.move(lenet(), "pool1", 1)
    assert draft.names[:4] == ("conv1", "pool1", "relu1", "conv2")
    assert [node.inputs for node in draft.nodes[:4]] == [
        ("image",),
        ("conv1",),
        ("pool1",),
        ("relu1",),
    ]
    assert edits.move(draft, "pool1", 2) == lenet()


def test_a_layer_goes_past_several_others() -> None:
    draft = edits.move(lenet(), "conv1", 2)
    assert draft.names[:3] == ("relu1", "pool1", "conv1")
    assert draft.node("conv2").inputs == ("conv1",)


def test_what_a_branch_needs_stays_in_its_place() -> None:
    with pytest.raises(UserError, match="norm3 and add1 cannot change places, since add1 joins"):
        edits.move(resnet(), "norm3", resnet().place("add1"))
    with pytest.raises(UserError, match="since add1 also reads relu1"):
        edits.move(resnet(), "relu1", resnet().place("conv2"))


def test_branches_beside_each_other_may_stand_in_any_order() -> None:
    draft = edits.move(resnet(), "skip1", resnet().place("norm5"))
    assert draft.names.index("skip1") < draft.names.index("norm5")
    assert draft.node("skip1").inputs == resnet().node("skip1").inputs


def test_readers_follow_a_new_name() -> None:
    draft = edits.rename(resnet(), "relu1", "stem")
    assert draft.node("conv2").inputs == ("stem",)
    assert draft.node("add1").inputs == ("norm3", "stem")
    for name in ("conv2", "image", "loss", "a b", "x" * 101, "a.grad"):
        with pytest.raises(UserError):
            edits.rename(draft, "stem", name)


def test_settings_are_checked_in_words() -> None:
    draft = edits.change_setting(lenet(), "conv1", "kernel_size", [3, 5])
    assert survey(draft).facts("conv1").output == (6, 30, 28)
    with pytest.raises(UserError, match="conv1: out_channels = 0 must be a whole number"):
        edits.change_setting(lenet(), "conv1", "out_channels", 0)
    with pytest.raises(UserError, match="conv1: kernel_size = 5000 is too large"):
        edits.change_setting(lenet(), "conv1", "kernel_size", 5000)


def test_another_kind_keeps_the_settings_that_both_have() -> None:
    draft = edits.change_setting(lenet(), "pool1", "stride", 1)
    changed = edits.change_kind(draft, "pool1", "avg_pool2d").node("pool1").layer
    assert (changed.kind, vars_of(changed)["stride"]) == ("avg_pool2d", 1)
    joined = edits.change_kind(resnet(), "relu2", "add")
    assert len(joined.node("relu2").inputs) == 2
    assert edits.change_kind(joined, "relu2", "relu") == resnet()


def vars_of(layer: object) -> dict[str, object]:
    names = ("kernel_size", "stride")
    return {name: getattr(layer, name) for name in names}


def test_only_earlier_layers_can_be_read() -> None:
    draft = edits.change_inputs(resnet(), "add1", ("norm3", "norm1"))
    assert survey(draft).problem is None
    with pytest.raises(UserError, match="“add2” is no earlier layer"):
        edits.change_inputs(draft, "add1", ("norm3", "add2"))


def test_ends_are_checked_in_words() -> None:
    for shape in ((2, 8, 8), (8,), (1, 0, 8), (3, 5000, 8)):
        with pytest.raises(UserError):
            ends.change_input_shape(lenet(), shape)
    with pytest.raises(UserError, match="two classes are called “cat”"):
        ends.change_classes(lenet(), ("cat", "cat"))
    assert ends.change_loss(lenet(), "squared_error").loss.kind == "squared_error"
    smoothed = ends.change_loss_setting(lenet(), "label_smoothing", 0.1)
    assert survey(smoothed).problem is None
    with pytest.raises(UserError):
        ends.change_loss_setting(lenet(), "label_smoothing", 3.0)
    with pytest.raises(UserError):
        ends.change_title(lenet(), " ")


def test_an_edit_that_changes_nothing_is_not_remembered() -> None:
    history = DraftHistory(lenet())
    assert history.edited("rename", edits.rename(lenet(), "conv1", "conv1")) is history
    assert history.undone() is history.redone() is history
    edited = history.edited("add a ReLU", edits.add(lenet(), ReLU(), "image"))
    assert edited.undo_label == edited.undone().redo_label == "add a ReLU"
    again = edited.undone().edited("add a pooling", edits.add(lenet(), MaxPool2d(2), "conv1"))
    assert again.redo_label == ""


def test_new_names_are_not_taken() -> None:
    assert edits.free_name(lenet(), entry_of("dense").about.word) == "dense4"
