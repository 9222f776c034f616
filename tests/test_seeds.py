import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blemore import seeds

GENERATORS = (seeds.generator, seeds.letters_generator, seeds.digest_generator)


@pytest.mark.parametrize(
    ("name", "seed", "drawn"),
    [
        ("17/persons", 5964245977542533151, (3719067998591024386, 887658781333547442, 1219125205762430492)),
        ("demo/ältere Frau", 8766499486880001667, (3368958731493228150, 5711587814811393460, 7578452278789521659)),
        ("a" * 100, 1444297292616192105, (3982015964341444617, 520964216841538882, 9188014221878819320)),
    ],
)
def test_a_name_gives_the_numbers_that_earlier_results_were_drawn_from(name, seed, drawn):
    assert seeds.seed_of(name) == seed
    assert tuple(generator(name).integers(2**63) for generator in GENERATORS) == drawn


@given(st.text(max_size=40))
def test_every_name_starts_its_generators_from_the_same_numbers_as_before(name):
    digest = hashlib.sha256(name.encode()).digest()
    assert seeds.seed_of(name) == int.from_bytes(digest[:8], "big") >> 1
    before = (int.from_bytes(digest[:8], "big"), list(name.encode()), np.frombuffer(digest, np.uint32))
    for generator, start in zip(GENERATORS, before, strict=True):
        assert generator(name).integers(2**63) == np.random.default_rng(start).integers(2**63)


@given(st.lists(st.text(max_size=20), min_size=2, max_size=5, unique=True), st.randoms())
def test_numbers_depend_on_the_name_and_not_on_the_order_of_drawing(names, order):
    first = {name: seeds.generator(name).random() for name in names}
    order.shuffle(names)
    assert {name: seeds.generator(name).random() for name in names} == first
    assert len(set(first.values())) == len(names)
