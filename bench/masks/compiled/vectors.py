"""64 pixels in one word, and sums of neighbours: what NumPy and numba lack, as LLVM operations.

Any processor has them; with AVX-512 most are one instruction, elsewhere a few. Bit p is pixel p.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

BLOCK = 64  # pixels in a word, bytes in a cache line
LANES = 4  # numbers that `weighted_sums` adds up beside each other
MIN_TERMS = 3  # terms of such a sum
READ, KEEP, DATA = (ir.IntType(32)(n) for n in (0, 3, 1))  # what `llvm.prefetch` is told
EIGHT_WORDS = types.UniTuple(types.uint64, 8)  # type: ignore[no-untyped-call]
instruction: Any = intrinsic  # mypy would count the typing context as an argument of the call


@instruction
def bytes_at_least(typing_context: Any, address: Any, place: Any, threshold: Any) -> Any:
    """A uint64 of which of the 64 bytes at `address + place` are at least `threshold`.

    The address is an array's `.ctypes.data`; the caller minds the bounds and keeps the array.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        base, offset, limit = arguments
        vector = ir.VectorType(ir.IntType(8), BLOCK)
        pointer = builder.inttoptr(builder.add(base, offset), vector.as_pointer())
        values = builder.load(pointer, align=1)
        reached = builder.icmp_unsigned(">=", values, _everywhere(builder, limit, vector))
        return builder.bitcast(reached, ir.IntType(BLOCK))

    return types.uint64(types.uintp, types.int64, types.uint8), generate


@instruction
def sums_at_least(
    typing_context: Any, addresses: Any, weights: Any, members: Any, place: Any, least: Any
) -> Any:
    """A uint64 of which of 64 weighted sums, each of one byte an image, are at least `least`.

    The bytes are those from `place` on in each image. `addresses` (of the images, uintp) and
    `weights` are addresses of arrays; weights have the type of `least`: uint16 or uint32, wide
    enough for every sum.
    """
    lane = ir.IntType(least.bitwidth)
    lanes, octets = ir.VectorType(lane, BLOCK), ir.VectorType(ir.IntType(8), BLOCK)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        images, factors, count, offset, limit = arguments
        total: Any = cgutils.alloca_once_value(  # type: ignore[no-untyped-call]
            builder, ir.Constant(lanes, [0] * BLOCK)
        )
        with cgutils.for_range(builder, count) as loop:
            image = _element(builder, images, ir.IntType(64), loop.index)
            factor = _element(builder, factors, lane, loop.index)
            pointer = builder.inttoptr(builder.add(image, offset), octets.as_pointer())
            values = builder.zext(builder.load(pointer, align=1), lanes)
            weighted = builder.mul(values, _everywhere(builder, factor, lanes))
            builder.store(builder.add(builder.load(total), weighted), total)
        reached = builder.icmp_unsigned(
            ">=", builder.load(total), _everywhere(builder, limit, lanes)
        )
        return builder.bitcast(reached, ir.IntType(BLOCK))

    return types.uint64(types.uintp, types.uintp, types.int64, types.int64, least), generate


def _everywhere(builder: Any, value: Any, vector: Any) -> Any:
    """A vector that holds one value in every lane."""
    nothing = ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(nothing, value, ir.IntType(32)(0))
    everywhere = ir.Constant(ir.VectorType(ir.IntType(32), vector.count), [0] * vector.count)
    return builder.shuffle_vector(first, nothing, everywhere)


def _element(builder: Any, address: Any, kind: Any, index: Any) -> Any:
    """Element `index` of the array of `kind` that begins at an address."""
    return builder.load(builder.gep(builder.inttoptr(address, kind.as_pointer()), [index]))


@instruction
def fetch(typing_context: Any, address: Any) -> Any:
    """Ask for the cache line at an address, which need not be anyone's; nothing waits for it."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        byte = ir.IntType(8).as_pointer()
        wanted = ir.FunctionType(ir.VoidType(), [byte, *[ir.IntType(32)] * 3])
        prefetch = builder.module.declare_intrinsic("llvm.prefetch", [byte], wanted)
        builder.call(prefetch, [builder.inttoptr(arguments[0], byte), READ, KEEP, DATA])
        return context.get_dummy_value()

    return types.void(types.uintp), generate


@instruction
def planes_at(typing_context: Any, address: Any, place: Any) -> Any:
    """The bit planes of the 64 bytes at `address + place`: eight uint64, the lowest bit first."""
    octets = ir.VectorType(ir.IntType(8), BLOCK)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = builder.inttoptr(builder.add(*arguments), octets.as_pointer())
        values = builder.load(pointer, align=1)
        planes = [
            builder.bitcast(
                builder.icmp_unsigned(
                    "!=",
                    builder.and_(values, ir.Constant(octets, [1 << bit] * BLOCK)),
                    ir.Constant(octets, [0] * BLOCK),
                ),
                ir.IntType(BLOCK),
            )
            for bit in range(8)
        ]
        return context.make_tuple(builder, signature.return_type, planes)

    return EIGHT_WORDS(types.uintp, types.int64), generate


@instruction
def write_planes(typing_context: Any, address: Any, place: Any, planes: Any) -> Any:
    """Write the 64 bytes whose bit planes are `planes` to `address + place`."""
    octets = ir.VectorType(ir.IntType(8), BLOCK)
    choice = ir.VectorType(ir.IntType(1), BLOCK)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        base, offset, words = arguments
        total = nothing = ir.Constant(octets, [0] * BLOCK)
        for bit in range(8):
            where = builder.bitcast(builder.extract_value(words, bit), choice)
            value = ir.Constant(octets, [1 << bit] * BLOCK)
            total = builder.or_(total, builder.select(where, value, nothing))
        pointer = builder.inttoptr(builder.add(base, offset), octets.as_pointer())
        builder.store(total, pointer, align=1)
        return context.get_dummy_value()

    return types.void(types.uintp, types.int64, EIGHT_WORDS), generate


@instruction
def weighted_sums(
    typing_context: Any, values: Any, step: Any, weights: Any, terms: Any, out: Any
) -> Any:
    """Write LANES weighted sums of `terms` uint32 that are `step` bytes apart, MIN_TERMS or more.

    `values`, `weights` (a uint32 for each term, the same in all lanes) and `out` are addresses; the
    caller minds the bounds of all lanes and keeps the arrays.
    """
    lane, word = ir.IntType(32), ir.IntType(64)
    lanes = ir.VectorType(lane, LANES)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        base, stride, factors, count, target = arguments

        def term(index: Any) -> Any:
            address = builder.add(base, builder.mul(index, stride))
            four = builder.load(builder.inttoptr(address, lanes.as_pointer()), align=4)
            factor = _element(builder, factors, lane, index)
            return builder.mul(four, _everywhere(builder, factor, lanes))

        sums = term(word(0))
        for index in range(1, MIN_TERMS):
            sums = builder.add(sums, term(word(index)))
        total = cgutils.alloca_once_value(builder, sums)  # type: ignore[no-untyped-call]
        with cgutils.for_range(builder, count, start=word(MIN_TERMS)) as loop:
            builder.store(builder.add(builder.load(total), term(loop.index)), total)
        pointer = builder.inttoptr(target, lanes.as_pointer())
        builder.store(builder.load(total), pointer, align=4)
        return context.get_dummy_value()

    return types.void(types.uintp, types.int64, types.uintp, types.int64, types.uintp), generate
