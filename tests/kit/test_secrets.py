"""Sealing: opens with the same key and purpose only, whatever is changed; and the blind index."""

import re
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.kit.secrets import Unsealable, Vault, new_token, token_hash

VAULT = Vault("a-master-key-of-some-length-0123456789")
plain_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@given(plain_texts)
def test_what_is_sealed_opens_again(plain: str) -> None:
    assert VAULT.open("phone", VAULT.seal("phone", plain)) == plain


@given(plain_texts.filter(lambda text: len(text.encode()) > 3))
def test_the_box_shows_nothing_of_it(plain: str) -> None:
    box = VAULT.seal("phone", plain)
    assert plain.encode() not in box
    assert VAULT.seal("phone", plain) != box


def test_a_box_moved_to_another_column_does_not_open() -> None:
    box = VAULT.seal("phone", "13900001234")
    with pytest.raises(Unsealable):
        VAULT.open("totp", box)


def test_another_master_key_does_not_open_it() -> None:
    box = VAULT.seal("phone", "13900001234")
    with pytest.raises(Unsealable):
        Vault("another-master-key-of-some-length-012345").open("phone", box)
    assert Vault("a-master-key-of-some-length-0123456789").open("phone", box) == "13900001234"


@given(plain_texts, st.data())
def test_one_changed_bit_anywhere_is_found(plain: str, data: st.DataObject) -> None:
    box = bytearray(VAULT.seal("phone", plain))
    bit = data.draw(st.integers(0, len(box) * 8 - 1))
    box[bit // 8] ^= 1 << bit % 8
    with pytest.raises(Unsealable):
        VAULT.open("phone", bytes(box))


@given(st.integers(0, 40))
def test_a_box_cut_off_anywhere_is_refused(length: int) -> None:
    box = VAULT.seal("phone", "13900001234")
    assert len(box) == 40
    if length < len(box):
        with pytest.raises(Unsealable):
            VAULT.open("phone", box[:length])


@given(st.binary(max_size=80))
def test_arbitrary_bytes_are_no_box(found: bytes) -> None:
    for box in (found, b"\x01" + found):
        with pytest.raises(Unsealable):
            VAULT.open("phone", box)


def test_the_refusal_names_the_purpose_and_nothing_else() -> None:
    with pytest.raises(Unsealable) as refused:
        VAULT.open("phone", b"\x01" + b"x" * 40)
    assert str(refused.value) == "phone"
    assert refused.value.__suppress_context__


@given(plain_texts, plain_texts)
def test_equal_values_have_equal_indexes_and_others_do_not(one: str, other: str) -> None:
    assert (VAULT.index("phone", one) == VAULT.index("phone", other)) == (one == other)


def test_an_index_depends_on_key_and_purpose_and_is_no_plain_hash() -> None:
    number = "13900001234"
    index = VAULT.index("phone", number)
    assert len(index) == 32
    assert index != VAULT.index("identity", number)
    assert index != Vault("another").index("phone", number)
    assert index != sha256(number.encode()).digest()


def test_a_token_has_256_random_bits_and_is_stored_as_its_hash() -> None:
    tokens = {new_token() for _ in range(1000)}
    assert len(tokens) == 1000
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", token) for token in tokens)
    token = tokens.pop()
    assert token_hash(token) == sha256(token.encode()).hexdigest()
    assert token not in token_hash(token)
