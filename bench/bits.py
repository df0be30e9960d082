"""64 pixels in one word: what NumPy and numba lack, as LLVM operations any processor has.

On a machine with AVX-512 each of them is one instruction, elsewhere a few. Bit p is pixel p.
numba does not notice a change in this file: save bench/kernels.py again to have it compiled anew.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

BLOCK = 64  # pixels in a word, bytes in a cache line
instruction: Any = intrinsic  # mypy would count the typing context as an argument of the call


@instruction
def reached(typing_context: Any, address: Any, place: Any, threshold: Any) -> Any:
    """Which of the 64 bytes from `place` on behind `address` are at least `threshold`: a uint64.

    The address is an array's `.ctypes.data`; the caller minds the bounds and keeps the array.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        base, offset, limit = arguments
        lane, vector = ir.IntType(32), ir.VectorType(ir.IntType(8), BLOCK)
        pointer = builder.inttoptr(builder.add(base, offset), vector.as_pointer())
        values = builder.load(pointer, align=1)
        nothing = ir.Constant(vector, ir.Undefined)
        everywhere = ir.Constant(ir.VectorType(lane, BLOCK), [0] * BLOCK)
        limits = builder.insert_element(nothing, limit, lane(0))
        limits = builder.shuffle_vector(limits, nothing, everywhere)
        return builder.bitcast(builder.icmp_unsigned(">=", values, limits), ir.IntType(BLOCK))

    return types.uint64(types.uintp, types.int64, types.uint8), generate


@instruction
def eight_bytes(typing_context: Any, address: Any, place: Any) -> Any:
    """The eight bytes from `place` on behind `address` as a uint64, the first one lowest."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = builder.inttoptr(builder.add(*arguments), ir.IntType(64).as_pointer())
        return builder.load(pointer, align=1)

    return types.uint64(types.uintp, types.int64), generate


@instruction
def lowest(typing_context: Any, word: Any) -> Any:
    """Position of the lowest set bit of a uint64 that has one."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.IntType(1)(1))

    return types.int64(types.uint64), generate


@instruction
def ones(typing_context: Any, word: Any) -> Any:
    """How many bits of a uint64 are set."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.int64(types.uint64), generate
