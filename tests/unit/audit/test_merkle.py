"""The tree against vectors of others, and its proofs against every shape of small trees."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.merkle import (
    EMPTY_ROOT,
    Frontier,
    Tree,
    consistency_proof,
    includes,
    inclusion_proof,
    is_consistent,
    leaf_hash,
    root,
)
from audit.verify import climb, continues, root_of

# From Certificate Transparency's reference tests (google/certificate-transparency, merkletree/merkle_tree_test.cc),
# also used by transparency-dev/merkle: eight leaves and the roots of the trees of one to eight of them.
LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def tree_of(count):
    return Tree(sha256(b"%d" % number).digest() for number in range(count))


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_those_of_the_public_vectors(size):
    leaves = [leaf_hash(entry) for entry in LEAVES[:size]]
    frontier = Frontier()
    for leaf in leaves:
        frontier.add(leaf)

    assert root(Tree(leaves), size).hex() == ROOTS[size - 1]
    assert frontier.root().hex() == ROOTS[size - 1]
    assert root_of(b"".join(leaves)).hex() == ROOTS[size - 1]


def test_the_empty_tree_has_the_root_of_nothing():
    assert root(Tree(), 0) == Frontier().root() == root_of(b"") == EMPTY_ROOT


def test_every_leaf_of_every_small_tree_is_proved_and_no_other_is():
    tree = tree_of(70)
    for size in range(1, 71):
        whole = root(tree, size)
        for index in range(size):
            proof = inclusion_proof(tree, index, size)
            leaf = tree.node(0, index)
            asked = {"leaf": leaf, "index": index, "size": size, "proof": proof, "root": whole}
            assert includes(**asked)
            assert climb(index, size - 1, leaf, proof)[1] == whole  # as the script in a bundle does
            assert not includes(**(asked | {"index": index ^ 1}))
            assert not includes(**(asked | {"leaf": whole})) or size == 1


def test_every_small_tree_is_consistent_with_every_smaller_one():
    tree = tree_of(50)
    for size in range(1, 51):
        for old in range(size + 1):
            proof = consistency_proof(tree, old, size)
            asked = {"old": old, "size": size, "old_root": root(tree, old), "root": root(tree, size), "proof": proof}
            assert is_consistent(**asked)
            assert continues(**asked) or old == 0
            if 0 < old < size:
                assert not continues(**(asked | {"old_root": root(tree, size)}))
                assert not continues(**(asked | {"proof": [*proof, b"\0" * 32]}))
                assert not continues(**(asked | {"proof": proof[:-1]}))
                assert not is_consistent(**(asked | {"old_root": root(tree, size)}))
                assert not is_consistent(**(asked | {"proof": [*proof, b"\0" * 32]}))


@given(st.integers(1, 300), st.data())
def test_a_proof_with_one_bit_turned_proves_nothing(size, data):
    tree = tree_of(size)
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(tree, index, size)
    if not proof:
        return
    place = data.draw(st.integers(0, len(proof) - 1))
    bit = data.draw(st.integers(0, 255))
    proof[place] = (int.from_bytes(proof[place]) ^ 1 << bit).to_bytes(32)

    assert not includes(leaf=tree.node(0, index), index=index, size=size, proof=proof, root=root(tree, size))


@given(st.integers(0, 400), st.integers(0, 400))
def test_a_frontier_taken_up_again_goes_on_where_it_was(first, more):
    whole = tree_of(first + more)
    frontier = Frontier()
    for number in range(first):
        frontier.add(whole.node(0, number))
    again = Frontier(frontier.size, frontier.hashes)
    for number in range(first, first + more):
        again.add(whole.node(0, number))

    assert again.root() == root(whole, first + more)


def test_a_frontier_of_the_wrong_shape_is_refused():
    with pytest.raises(ValueError, match="2 complete subtrees"):
        Frontier(3, [b"\0" * 32])


@pytest.mark.parametrize(("index", "size"), [(3, 3), (-1, 3), (0, 0)])
def test_a_leaf_that_is_not_there_cannot_be_proved(index, size):
    with pytest.raises(LookupError):
        inclusion_proof(tree_of(5), index, size)
