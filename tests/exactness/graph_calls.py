"""What random graphs are made of: for each kind of call, what it takes and with which parameters.

Every call is written once and takes arrays as well as images.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

import tilemask as tm
from tests.exactness.graph_nodes import (
    Call,
    Maker,
    has_channels,
    is_bound,
    is_flat,
    is_grey,
    is_image,
    is_like,
    is_mask,
    is_mask_of,
    is_number,
    is_numbers,
    is_objects,
    is_whole_number,
)
from tilemask.image import Image, Value


def named(text: str, function: Callable[..., Any], *, channels: bool = False, **options: Any) -> Call:
    """A call with plain parameters; arrays must be told where their channels are."""
    shown = ", ".join(f"{n}={o.tolist() if isinstance(o, np.ndarray) else o!r}" for n, o in options.items())

    def run(*nodes: Any) -> Any:
        eager = channels and not any(isinstance(n, Image | Value) for n in nodes)
        return function(*nodes, **options, **({"channel_axis": -1} if eager else {}))

    return Call(f"{text}({{}}{', ' if shown else ''}{shown})", run)


# Filters and morphology


def filtered(draw: st.DrawFn, image: Image) -> Call:
    sigma = draw(st.sampled_from((0.4, 1.0, 1.7)))
    return named("gaussian", tm.gaussian, channels=has_channels(image), sigma=sigma)


def medianed(draw: st.DrawFn, image: Image) -> Call:
    return named("median", tm.median, footprint=footprint(draw, len(image.spatial_axes)))


def morphology(draw: st.DrawFn, image: Image) -> Call:
    name = draw(st.sampled_from(("erosion", "dilation", "opening", "closing", "white_tophat")))
    function, channels = getattr(tm, name), has_channels(image)
    if draw(st.booleans()):
        return named(name, function, channels=channels, radius=draw(st.integers(0, 2)))
    return named(name, function, channels=channels, footprint=footprint(draw, len(image.spatial_axes)))


def footprint(draw: st.DrawFn, ndim: int) -> NDArray[np.bool_]:
    """Small, often lopsided, never empty."""
    shape = draw(st.tuples(*[st.integers(1, 4)] * ndim))
    chosen = draw(st.lists(st.booleans(), min_size=int(np.prod(shape)), max_size=int(np.prod(shape))))
    pixels = np.array(chosen, bool).reshape(shape)
    pixels.flat[draw(st.integers(0, pixels.size - 1))] = True
    return pixels


# Operators

ARITHMETIC = ("add", "sub", "mul", "truediv", "floordiv", "mod")
COMPARISONS = ("lt", "le", "gt", "ge", "eq", "ne")
LOGIC = ("and_", "or_", "xor")


def binary(draw: st.DrawFn, first: Any, second: Any) -> Call:
    logical = all(n.dtype is not None and n.dtype.kind != "f" for n in (first, second))
    names = (*ARITHMETIC, *COMPARISONS, *(LOGIC if logical else ()))
    name = draw(st.sampled_from(names))
    return Call(f"{name}({{}}, {{}})", quiet(getattr(operator, name)))


def above(draw: st.DrawFn, image: Image, value: Value) -> Call:
    return Call("gt({}, {})", operator.gt)


def unary(draw: st.DrawFn, node: Any) -> Call:
    name = draw(st.sampled_from(("invert", "neg", "abs")))
    return Call(f"{name}({{}})", getattr(operator, name))


def with_number(draw: st.DrawFn, node: Any) -> Call:
    name = draw(st.sampled_from((*ARITHMETIC, *COMPARISONS)))
    number = draw(st.sampled_from((0, 1, 3, 40, 0.5, 120.25)))
    function = quiet(getattr(operator, name))
    if draw(st.booleans()):
        return Call(f"{name}({{}}, {number})", lambda n: function(n, number))
    return Call(f"{name}({number}, {{}})", lambda n: function(number, n))


def quiet(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*nodes: Any) -> Any:
        with np.errstate(all="ignore"):
            return function(*nodes)

    return call


def chosen(draw: st.DrawFn, mask: Image, x: Any, y: Any) -> Call:
    return Call("where({}, {}, {})", tm.where)


def chosen_number(draw: st.DrawFn, mask: Image, x: Any) -> Call:
    number = draw(st.sampled_from((0, 7, 1.5)))
    return Call(f"where({{}}, {{}}, {number})", lambda m, a: tm.where(m, a, number))


def converted(draw: st.DrawFn, image: Image) -> Call:
    possible = [d for d in ("uint8", "uint16", "int32", "int64", "float32", "float64") if np.can_cast(image.dtype, d)]
    target = draw(st.sampled_from([*possible, "bool"]))
    return Call(f"{{}}.astype({target})", lambda n: n.astype(target))


def sliced(draw: st.DrawFn, image: Image) -> Call:
    """A region; at the origin as often as not."""
    keys = []
    for n in image.spatial_shape:
        start = draw(st.one_of(st.just(0), st.integers(0, n - 1)))
        keys.append(slice(start, draw(st.one_of(st.just(n), st.integers(start + 1, n)))))
    shown = ", ".join(f"{k.start}:{k.stop}" for k in keys)
    return Call(f"{{}}[{shown}]", lambda n: n[tuple(keys)])


def one_channel(draw: st.DrawFn, image: Image) -> Call:
    index = draw(st.integers(0, image.channels - 1))
    return Call(f"{{}}[..., {index}]", lambda n: n[..., index])


# Levels


def level(draw: st.DrawFn, image: Image, mask: Image | None = None) -> Call:
    name = draw(st.sampled_from(("otsu", "yen", "isodata", "triangle", "li", "threshold_mean", "percentile")))
    options: dict[str, Any] = {"q": draw(st.sampled_from((0, 12.5, 50, 99)))} if name == "percentile" else {}
    function, channels = getattr(tm, name), has_channels(image)
    if mask is None:
        return named(name, function, channels=channels, **options)
    made = named(name, lambda i, m, **o: function(i, where=m, **o), channels=channels, **options)
    shown = "".join(f", {n}={o}" for n, o in options.items())
    return Call(f"{name}({{}}, where={{}}{shown})", made.run)


def agree(*tiles: NDArray[Any]) -> int:
    """Pixels at which all images are above 0."""
    return int(np.logical_and.reduce([t > 0 for t in tiles]).sum())


def plain(part: int) -> int:
    return part


def counted(draw: st.DrawFn, *images: Image) -> Call:
    count = partial(tm.reduce_tiles, agree, combine=operator.add, finish=plain, dtype=np.int64)
    return Call(f"count({', '.join('{}' for _ in images)})", count)


# Objects


def labelled(draw: st.DrawFn, image: Image) -> Call:
    return named("label", tm.label, connectivity=draw(st.integers(1, len(image.spatial_axes))))


def filled(draw: st.DrawFn, mask: Image) -> Call:
    return named("fill_holes", tm.fill_holes)


def linked(draw: st.DrawFn, image: Image) -> Call:
    low = draw(st.sampled_from((0, 30, 100.5)))
    return named("hysteresis", tm.hysteresis, low=low, high=low + draw(st.sampled_from((-1, 5, 70))))


def linked_by(draw: st.DrawFn, image: Image, low: Value, high: Value) -> Call:
    return Call("hysteresis({}, low={}, high={})", lambda i, a, b: tm.hysteresis(i, low=a, high=b))


def without_small(draw: st.DrawFn, image: Image) -> Call:
    return named("remove_small_objects", tm.remove_small_objects, max_size=draw(st.sampled_from((0, 1, 4, 20))))


def without_small_by(draw: st.DrawFn, image: Image, size: Value) -> Call:
    return Call(
        "remove_small_objects({}, max_size={} % 20)", lambda i, s: tm.remove_small_objects(i, max_size=abs(s) % 20)
    )


# Put together


def smaller(draw: st.DrawFn, image: Image) -> Call:
    factor = draw(st.tuples(*[st.integers(1, 3)] * len(image.spatial_axes)))
    return named("downsample", tm.downsample, channels=has_channels(image), factor=factor, labels=draw(st.booleans()))


def cut_out(draw: st.DrawFn, image: Image, mask: Image) -> Call:
    background = draw(st.sampled_from((0, 1)))
    made = named("cutout", tm.cutout, channels=has_channels(image), background=background)
    return Call(f"cutout({{}}, {{}}, {background=})", made.run)


def drawn(draw: st.DrawFn, image: Image, mask: Image) -> Call:
    return Call("overlay({}, {})", named("overlay", tm.overlay, channels=has_channels(image), alpha=0.5).run)


def lopsided(*tiles: NDArray[Any], behind: tuple[int, ...], ahead: tuple[int, ...]) -> NDArray[np.float64]:
    """The maximum over a box behind the pixel of the first image, plus the minima ahead of it of the others; NaN is 0,
    since SciPy's running extremes carry it beyond the box."""
    first, *others = (np.nan_to_num(t.astype(np.float64)) for t in tiles)
    size = [b + 1 for b in behind]
    total = ndimage.maximum_filter(first, size, origin=[b - (b + 1) // 2 for b in behind], mode="nearest")
    for other in others:
        size = [a + 1 for a in ahead]
        total = total + ndimage.minimum_filter(other, size, origin=[-((a + 1) // 2) for a in ahead], mode="nearest")
    return total


def mapped(draw: st.DrawFn, *images: Image) -> Call:
    ndim = len(images[0].spatial_axes)
    behind = draw(st.tuples(*[st.integers(0, 5)] * ndim))
    ahead = draw(st.tuples(*[st.integers(0, 5)] * ndim))
    reach = list(zip(behind, ahead if len(images) > 1 else (0,) * ndim, strict=True))
    function = partial(tm.map_tiles, lopsided, reach=reach, dtype=np.float64, behind=behind, ahead=ahead)
    return Call(f"lopsided({', '.join('{}' for _ in images)}, {reach=})", function)


CALLS: dict[str, Maker] = {
    "gaussian": Maker((is_image,), filtered),
    "median": Maker((is_flat,), medianed),
    "morphology": Maker((is_image,), morphology),
    "morphology of a mask": Maker((is_mask,), morphology, 2),
    "image and image": Maker((is_image, is_like), binary),
    "image and value": Maker((is_numbers, is_number), binary),
    "image above value": Maker((is_grey, is_number), above, 4),
    "value and image": Maker((is_number, is_image), binary),
    "value and value": Maker((is_number, is_number), binary),
    "image and number": Maker((is_numbers,), with_number),
    "value and number": Maker((is_number,), with_number),
    "unary": Maker((is_image,), unary),
    "where": Maker((is_mask, is_like, is_like), chosen),
    "where value": Maker((is_mask, is_like, is_number), chosen),
    "where number": Maker((is_mask, is_like), chosen_number),
    "astype": Maker((is_image,), converted),
    "slice": Maker((is_image,), sliced, 3),
    "slice of objects": Maker((is_bound,), sliced, 4),
    "morphology of objects": Maker((is_bound,), morphology, 2),
    "channel": Maker((lambda node, *_: has_channels(node),), one_channel),
    "level": Maker((is_numbers,), level, 2),
    "level inside": Maker((is_numbers, is_mask_of), level),
    "count": Maker((is_flat,), counted),
    "count of two": Maker((is_flat, is_like), counted),
    "label": Maker((is_mask,), labelled, 4),
    "label of values": Maker((is_objects,), labelled),
    "fill_holes": Maker((is_mask,), filled, 3),
    "hysteresis": Maker((is_flat,), linked, 2),
    "hysteresis by values": Maker((is_flat, is_number, is_number), linked_by, 2),
    "remove small": Maker((is_objects,), without_small, 3),
    "remove small by value": Maker((is_mask, is_whole_number), without_small_by, 2),
    "downsample": Maker((is_image,), smaller, 2),
    "cutout": Maker((is_image, is_mask_of), cut_out),
    "overlay": Maker((is_flat, is_mask_of), drawn),
    "map_tiles": Maker((is_flat,), mapped, 2),
    "map_tiles of two": Maker((is_flat, is_like), mapped),
    "map_tiles of three": Maker((is_flat, is_like, is_like), mapped),
}
