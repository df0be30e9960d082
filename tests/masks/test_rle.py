"""Run-length text against plain definitions: all small masks, adversarial ones, real ones."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from bench.masks import rle
from bench.masks.compiled.runs import NO_LIMIT

BIG = (1280, 1918)


def plain_encode(mask):
    """The definition: where a pixel differs from the one before it, with background around."""
    padded = np.concatenate([[0], mask.reshape(-1).astype(int), [0]])
    places = np.flatnonzero(padded[1:] != padded[:-1]) + 1
    places[1::2] -= places[::2]
    return " ".join(map(str, places))


def plain_decode(text, shape):
    numbers = [int(token) for token in text.split()]
    pixels = np.zeros(shape[0] * shape[1], dtype=bool)
    for start, length in zip(numbers[::2], numbers[1::2], strict=True):
        pixels[start - 1 : start - 1 + length] = True
    return pixels.reshape(shape)


def plain_parse(text):
    """Pairs of a text that keeps every rule, else None."""
    tokens = text.split(" ") if text else []
    if len(tokens) % 2 or not all(t.isascii() and t.isdigit() and int(t) for t in tokens):
        return None
    pairs = [(int(a), int(b)) for a, b in zip(tokens[::2], tokens[1::2], strict=True)]
    ordered = all(a + n <= b for (a, n), (b, _) in itertools.pairwise(pairs))
    return pairs if ordered and all(a + n <= NO_LIMIT for a, n in pairs) else None


def check_parse(text):
    expected = plain_parse(text)
    if expected is None:
        with pytest.raises(ValueError, match="token"):
            rle.parse(text)
    else:
        assert [tuple(pair) for pair in rle.parse(text).tolist()] == expected


shapes = st.tuples(st.integers(1, 9), st.integers(1, 70))  # across the kernel's 64-pixel blocks
masks = shapes.flatmap(lambda shape: st_numpy.arrays(bool, shape))
maps = shapes.flatmap(lambda shape: st_numpy.arrays(np.uint8, shape))


def test_every_mask_of_six_pixels_survives():
    for bits in itertools.product([False, True], repeat=6):
        mask = np.array(bits).reshape(2, 3)
        assert rle.encode(mask) == plain_encode(mask)
        np.testing.assert_array_equal(rle.decode(rle.encode(mask), (2, 3)), mask)


@given(masks)
def test_encode_is_the_definition_and_decode_undoes_it(mask):
    text = rle.encode(mask)
    assert text == rle.encode(mask.astype(np.uint8)) == plain_encode(mask)
    np.testing.assert_array_equal(rle.decode(text, mask.shape), mask)
    np.testing.assert_array_equal(plain_decode(text, mask.shape), mask)


@given(maps, st.integers(1, 255))
def test_a_map_is_thresholded_from_the_threshold_on(map, threshold):
    assert rle.encode_map(map, threshold) == plain_encode(map >= threshold)


def test_every_value_meets_every_threshold():
    map = np.arange(256, dtype=np.uint8).reshape(4, 64)
    for threshold in range(1, 256):
        assert rle.encode_map(map, threshold) == f"{threshold + 1} {256 - threshold}"
    assert rle.encode_map(map) == "129 128"


@pytest.mark.parametrize("pixels", [(0, 0), (0, -1), (-1, 0), (-1, -1), (639, 958)])
def test_one_pixel_of_a_photograph(pixels):
    mask = np.zeros(BIG, dtype=bool)
    mask[pixels] = True
    assert rle.encode(mask) == plain_encode(mask)
    assert rle.encode(~mask) == plain_encode(~mask)
    np.testing.assert_array_equal(rle.decode(rle.encode(mask), BIG), mask)


@pytest.mark.parametrize(
    ("mask", "text"),
    [
        pytest.param(np.zeros(BIG, bool), "", id="empty"),
        pytest.param(np.ones(BIG, bool), "1 2455040", id="full"),
        pytest.param(np.zeros((0, 5), bool), "", id="no rows"),
    ],
)
def test_extremes(mask, text):
    assert rle.encode(mask) == text
    np.testing.assert_array_equal(rle.decode(text, mask.shape), mask)


def test_noise_with_more_runs_than_the_first_guess():
    mask = np.indices((300, 301)).sum(axis=0) % 2 == 0
    assert mask.sum() > rle.INITIAL_CAPACITY
    assert rle.encode(mask) == plain_encode(mask)
    np.testing.assert_array_equal(rle.decode(rle.encode(mask), mask.shape), mask)


def test_memory_layout_does_not_matter():
    mask = np.random.default_rng(0).random((37, 131)) > 0.6
    read_only = mask.copy()
    read_only.flags.writeable = False
    for view in (np.asfortranarray(mask), mask[::-1], mask[3:, 5:], mask.T, read_only, mask[1:]):
        assert rle.encode(view) == plain_encode(view)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        pytest.param(lambda: rle.encode(np.zeros((2, 2))), TypeError, id="float mask"),
        pytest.param(lambda: rle.encode(np.zeros((2, 2), int)), TypeError, id="int64 mask"),
        pytest.param(lambda: rle.encode(np.full((2, 2), 255, np.uint8)), ValueError, id="0..255"),
        pytest.param(lambda: rle.encode(np.zeros((2, 2, 1), bool)), ValueError, id="channel axis"),
        pytest.param(lambda: rle.encode(np.zeros(4, bool)), ValueError, id="flat"),
        pytest.param(lambda: rle.encode_map(np.zeros((2, 2))), TypeError, id="float map"),
        pytest.param(lambda: rle.encode_map(np.zeros((2, 2), np.uint8), 0), ValueError, id="t 0"),
        pytest.param(lambda: rle.encode_map(np.zeros((2, 2), np.uint8), 256), ValueError, id="256"),
        pytest.param(lambda: rle.format_runs(np.zeros((1, 2), np.int64)), ValueError, id="zero"),
        pytest.param(lambda: rle.format_runs(np.ones(2, np.int64)), TypeError, id="no pairs"),
        pytest.param(lambda: rle.decode("1 5", (2, 2)), ValueError, id="behind the last pixel"),
    ],
)
def test_what_is_no_mask_or_map_is_refused(call, error):
    with pytest.raises(error):
        call()


@pytest.mark.parametrize(
    ("text", "token", "reason"),
    [
        ("5", 1, "without a length"),
        ("1 2 5", 3, "without a length"),
        ("0 2", 1, "is zero"),
        ("1 0", 2, "is zero"),
        ("1 -2", 2, "whole number"),
        ("1.5 2", 1, "whole number"),
        ("+1 2", 1, "whole number"),
        ("1e3 2", 1, "whole number"),
        ("1  2", 2, "whole number"),
        (" 1 2", 1, "whole number"),
        ("1 2 ", 3, "whole number"),
        ("1\t2", 1, "whole number"),
        ("1 2\n", 2, "whole number"),
        ("1,2", 1, "whole number"),
        ("nan", 1, "whole number"),
        ("\u0661 2", 1, "whole number"),
        ("1 ", 2, "whole number"),
        ("10 2 3 1", 3, "sorted"),
        ("10 5 12 1", 3, "overlap"),
        ("10 5 10 5", 3, "overlap"),
        (f"1 {10**30}", 2, "behind the last pixel"),
    ],
)
def test_parse_names_the_token_and_the_reason(text, token, reason):
    with pytest.raises(ValueError, match=rf"token {token} .*{reason}"):
        rle.parse(text)


@given(st.text(alphabet="0123456789 1 2 -.", max_size=24) | st.text(max_size=8))
def test_parse_takes_exactly_the_lawful_texts(text):
    check_parse(text)


@given(st.integers(0, 399), st.sampled_from(["", *"019 .-+,x\n\0"]))
def test_one_wrong_letter_in_a_long_text_is_noticed(place, letter):
    text = " ".join(f"{start} {start % 7 + 1}" for start in range(1, 4_000, 61))
    check_parse(text[:place] + letter + text[place + 1 :])


@given(st.lists(st.tuples(st.integers(0, 10**9), st.integers(1, 10**9)), max_size=30))
def test_numbers_of_any_length_survive(gaps_and_lengths):
    gaps, lengths = np.array(gaps_and_lengths, dtype=np.int64).reshape(-1, 2).T
    starts = 1 + np.cumsum(gaps) + np.cumsum(lengths) - lengths
    runs = np.stack([starts, lengths], axis=1)
    text = " ".join(str(number) for number in runs.reshape(-1).tolist())
    assert rle.format_runs(runs) == text
    np.testing.assert_array_equal(rle.parse(text), runs)


@given(shapes, st.lists(st.integers(1, 3), min_size=1, max_size=6), st.integers(0, 2**32))
def test_merged_runs_are_where_the_weights_of_masks_reach(shape, weights, seed):
    random = np.random.default_rng(seed)
    layers = random.random((len(weights), *shape)) > random.random()
    total = np.tensordot(np.array(weights), layers, axes=1)
    lists = [rle.runs(layer) for layer in layers]
    for least in range(1, sum(weights) + 2):
        text = rle.format_runs(rle.merge(lists, weights, least))
        assert text == plain_encode(total >= least)


def test_merged_runs_join_where_texts_split_them():
    split, whole = rle.parse("1 2 3 2 9 1"), rle.parse("1 4 9 1")
    np.testing.assert_array_equal(rle.merge([split], [1], 1), whole)
    np.testing.assert_array_equal(rle.merge([split, whole], [1, 1], 2), whole)
    with pytest.raises(ValueError, match="1 lists, the weights"):
        rle.merge([split], [1, 1], 1)


def test_touching_runs_are_read():
    assert rle.decode("1 2 3 2", (1, 5)).tolist() == [[True, True, True, True, False]]


def test_real_masks_give_kaggle_s_own_text(carvana_folder):
    image = pytest.importorskip("PIL.Image")
    with (carvana_folder / "train_masks.csv").open(encoding="ascii") as rows:
        next(rows)
        for row in itertools.islice(rows, 0, 60, 15):
            name, text = row.rstrip("\n").split(",")
            path = carvana_folder / "train_masks" / f"{name.removesuffix('.jpg')}_mask.gif"
            mask = np.array(image.open(path).convert("L")) > 0
            assert rle.encode(mask) == text
            np.testing.assert_array_equal(rle.decode(text, BIG), mask)
