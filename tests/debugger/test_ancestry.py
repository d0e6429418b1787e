"""An ancestry's terms are the derivation's, and its stops are where the numbers were made."""

from __future__ import annotations

import numpy as np
import pytest

from backpropviz.debugger.ancestry import Ancestry, Contribution, Origin
from backpropviz.engine.derivation import Derivation, derive
from backpropviz.engine.nest import NestRule
from backpropviz.engine.network import Network
from backpropviz.engine.record import record
from backpropviz.engine.value import Address, parse
from backpropviz.errors import UserError
from tests.debugger.ancestries import ancestry_of, of_tape, random_addresses
from tests.engine.passes import branched, recorded

EVERY = 10**6
NAMES = ["lenet", "tiny-max", "tiny-avg", "tiny-dense", "tiny-overlap", "branched"]


def derivation_of(ancestry: Ancestry, address: Address) -> Derivation:
    nest = ancestry.by_target[address.array].nest
    return derive(ancestry.tape, nest, address)


def in_order(contributions: tuple[Contribution, ...]) -> list[Contribution]:
    return sorted(contributions, key=lambda part: part.coordinates)


@pytest.mark.parametrize("name", NAMES)
def test_the_terms_are_those_of_the_derivation(name: str) -> None:
    ancestry = ancestry_of(name)
    kinds = set()
    for address in random_addresses(ancestry.tape, 300):
        found = ancestry.parentage(address, EVERY)
        assert found.stop.value == ancestry.tape.value(address)
        kinds.add(found.stop.origin)
        if found.stop.is_end:
            assert found.contributions == ()
            assert found.stop.address.array not in ancestry.by_target
            continue
        expected = derivation_of(ancestry, found.stop.address)
        parts = in_order(found.contributions)
        if expected.initial is not None:
            assert parts[0].operands == (expected.initial,)
            assert parts.pop(0).term == expected.initial.value
        assert len(parts) == len(expected.terms)
        assert found.count == len(found.contributions)
        assert found.rest_count == 0
        for part, term in zip(parts, expected.terms, strict=True):
            assert (part.coordinates, part.operands) == (term.coordinates, term.operands)
            assert part.presence is term.presence
            assert part.term == term.value
        total = sum(part.share for part in found.contributions)
        assert total == pytest.approx(1) or (total == 0 and not any(p.term for p in parts))
    assert Origin.COMPUTED in kinds
    assert Origin.PARAMETER in kinds


@pytest.mark.parametrize("name", NAMES)
def test_every_source_is_where_an_operand_was_made(name: str) -> None:
    ancestry = ancestry_of(name)
    for address in random_addresses(ancestry.tape, 100, 2):
        for part in ancestry.parentage(address).contributions:
            named = {o.address: o.value for o in part.operands if o.address is not None}
            assert {s.named for s in part.sources} == set(named)
            for source in part.sources:
                assert source.value == named[source.named]
                assert ancestry.tape.resolve(source.address) == source.address
                assert ancestry.stop(source.address).address == source.address
                operation = ancestry.by_target.get(source.address.array)
                assert operation is None or operation.nest.rule is not NestRule.COPY


@pytest.mark.parametrize("name", NAMES)
def test_the_largest_come_first_and_the_rest_is_told(name: str) -> None:
    ancestry = ancestry_of(name)
    for address in random_addresses(ancestry.tape, 100, 3):
        every, few = ancestry.parentage(address, EVERY), ancestry.parentage(address, 3)
        assert few.contributions == every.contributions[:3]
        assert few.rest_count == max(0, every.count - 3)
        rest = every.contributions[3:]
        assert few.rest_share == pytest.approx(sum(p.share for p in rest), abs=1e-12)
        shares = [part.share for part in every.contributions]
        assert shares == sorted(shares, reverse=True)
        if every.stop.rule is NestRule.SUM:
            assert few.rest_sum == pytest.approx(sum(p.term for p in rest), abs=1e-9)
        else:
            assert few.rest_sum is None


def test_copies_and_further_names_are_passed_over() -> None:
    ancestry = ancestry_of("lenet")
    stop = ancestry.stop(parse("dense1.input[0,37]"))
    assert stop.address == parse("pool2.output[0,1,2,2]")
    assert stop.named == parse("dense1.input[0,37]")
    back = ancestry.stop(parse("pool2.output.grad[0,1,2,2]"))
    assert back.address == parse("dense1.input.grad[0,37]")
    assert ancestry.stop(parse("conv1.input[0,0,3,3]")).origin is Origin.IMAGE


def test_origins() -> None:
    branched_pass, lenet_pass = ancestry_of("branched"), ancestry_of("lenet")
    expected = {
        "image[0,0,1,1]": Origin.IMAGE,
        "conv1.weight[0,0,1,1]": Origin.PARAMETER,
        "loss.target[0]": Origin.TARGET,
        "loss.grad": Origin.START,
        "loss": Origin.COMPUTED,
        "dense.weight.moment1_before[0,0]": Origin.BEFORE,
        "dense.weight.moment1[0,0]": Origin.COMPUTED,
        "pool.switches[0,0,0,0]": Origin.KEPT,
    }
    for text, origin in expected.items():
        assert branched_pass.stop(parse(text)).origin is origin
    assert lenet_pass.parentage(parse("conv1.bias[0]")).contributions == ()


def test_of_a_maximum_only_the_winner_has_a_share() -> None:
    ancestry = ancestry_of("lenet")
    tape = ancestry.tape
    switches, width = tape["pool1.switches"], tape["pool1.input"].shape[3]
    for window in [(0, 0, 3, 4), (0, 2, 7, 7), (0, 5, 0, 0)]:
        found = ancestry.parentage(parse("pool1.output").at(window), 4)
        winner, *losers = found.contributions
        assert winner.sources[0].named.indices[2:] == divmod(int(switches[window]), width)
        assert (winner.share, {loser.share for loser in losers}) == (1.0, {0.0})


def test_a_gradient_leads_to_the_loss_and_a_value_to_the_pixels() -> None:
    ancestry = ancestry_of("lenet")
    back = ancestry.main_path(parse("conv1.weight.grad[3,0,1,1]"))
    assert back.stops[-1].address == parse("loss.grad")
    layers = [stop.address.layer for stop in back.stops]
    assert list(dict.fromkeys(layers)) == [
        "conv1", "relu1", "pool1", "conv2", "relu2", "pool2", "dense1", "relu3", "dense2", "relu4",
        "dense3", "loss", "",
    ]  # fmt: skip
    assert ancestry.main_path(parse("loss")).stops[-1].origin is Origin.IMAGE
    update = ancestry.main_path(parse("conv1.weight.next[0,0,1,1]"))
    parts = [stop.address.part for stop in update.stops[:3]]
    assert parts == ["next", "step", "grad"]
    assert update.stops[-1].origin is Origin.START


@pytest.mark.parametrize("name", NAMES)
def test_a_path_goes_by_the_largest_contributor_each_time(name: str) -> None:
    ancestry = ancestry_of(name)
    ends = set()
    for address in random_addresses(ancestry.tape, 60, 4):
        path = ancestry.main_path(address)
        assert path.stops[0] == ancestry.stop(address)
        assert len(path.steps) == len(path.stops) - 1
        for here, step, following in zip(path.stops, path.steps, path.stops[1:], strict=False):
            assert step == ancestry.parentage(here.address).contributions[0]
            assert following == step.sources[0]
        last = path.stops[-1]
        ends.add(last.origin)
        if not last.is_end:
            largest = ancestry.parentage(last.address, 1).contributions
            assert not largest or largest[0].term == 0 or not largest[0].sources
    assert Origin.IMAGE in ends


def test_a_loser_of_a_pooling_has_no_path() -> None:
    ancestry = ancestry_of("lenet")
    tape = ancestry.tape
    lost = tuple(int(i) for i in np.argwhere(tape["pool1.input.grad"] == 0)[0])
    path = ancestry.main_path(parse("pool1.input.grad").at(lost))
    assert len(path.stops) == 1
    found = ancestry.parentage(parse("pool1.input.grad").at(lost))
    assert [o.label for o in found.contributions[0].operands if o.address is None] == ["lost"]
    assert found.contributions[0].share == found.rest_share == 0


@pytest.mark.filterwarnings("ignore:(invalid value|overflow) encountered")
def test_numbers_that_overflowed_share_what_there_is() -> None:
    network: Network = branched()
    tape = recorded(network, [1, 3])
    images = tape["image"].copy()
    images[0, 0, 2, 2] = np.inf
    parameters = {
        node.name: {p: tape[Address(node.name, p)] for p in network.parameter_shapes(node)}
        for node in network.nodes
    }
    ancestry = of_tape(record(network, parameters, images, [1, 3], tape.optimizer))
    found = ancestry.parentage(parse("conv1.output[0,0,2,2]"), 3)
    assert found.contributions[0].sources[0].address == parse("image[0,0,2,2]")
    assert found.contributions[0].share == 1


@pytest.mark.parametrize("text", ["conv1.weight", "nowhere.output[0]", "image[0,0,99,0]"])
def test_what_is_no_value_is_refused(text: str) -> None:
    with pytest.raises(UserError):
        ancestry_of("lenet").parentage(parse(text))
