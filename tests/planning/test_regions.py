"""What a plan knows of the pixels that a region leaves out."""

from __future__ import annotations

import numpy as np
import pytest

import tilemask as tm
from tilemask.boxes import Box
from tilemask.image import Image
from tilemask.planning.regions import is_blank

ROI = np.zeros((8, 10), bool)
ROI[2:4, 1:3] = True
"""Rows 200 to 400 and columns 100 to 300 of the image."""


@pytest.fixture
def image() -> Image:
    return tm.open_image(np.zeros((800, 1000), np.uint8), roi=ROI)


def test_masks_are_blank_outside_and_grey_images_are_not(image: Image) -> None:
    outside, inside = Box((0, 0), (200, 1000)), Box((0, 0), (201, 101))
    mask = tm.opening(image > 3, radius=2)
    assert is_blank(mask, outside)
    assert not is_blank(mask, inside)
    assert not is_blank(tm.gaussian(image, sigma=2), outside)
    assert is_blank(mask[200:, 100:], Box((200, 0), (600, 900)))
    assert not is_blank(mask[200:, 100:], Box((199, 0), (600, 900)))
    assert is_blank(tm.downsample(mask, factor=2), Box((0, 0), (100, 500)))
    assert not is_blank(tm.downsample(mask, factor=2), Box((0, 0), (101, 500)))


def test_a_plan_bills_the_tiles_that_are_left(image: Image) -> None:
    smooth = tm.gaussian(image, sigma=2)
    mask = smooth > tm.otsu(smooth)
    within = tm.plan(tm.label(mask), tile=100, pyramid=False)
    assert [b.tiles for b in within.bills] == [4] * len(within.passes)
    whole = tm.plan(tm.label(tm.gaussian(tm.from_array(np.zeros((800, 1000), np.uint8)), sigma=2) > 3), tile=100)
    assert within.bills[-1].written_bytes == whole.bills[1].written_bytes * 4 / 80
    assert within.bills[0].task_bytes > 10_000


def test_one_survey_and_its_mask_read_one_cut_image(image: Image) -> None:
    smooth = tm.gaussian(image, sigma=2)
    plan = tm.plan(smooth > tm.otsu(smooth), tile=100, pyramid=False)
    assert len(plan.passes) == 2
    (keep,) = plan.passes[0].keeps
    assert is_blank(keep.image, Box((0, 0), (200, 1000)))
    assert keep.image in plan.passes[1].stored


def test_what_grows_keeps_what_is_cut(image: Image) -> None:
    mask = tm.gaussian(image, sigma=2) > 3
    plan = tm.plan(tm.distance(mask), tile=100, pyramid=False)
    assert all(is_blank(k.image, Box((0, 0), (200, 1000))) for p in plan.passes for k in p.keeps)
    assert sum(b.tiles for b in plan.bills) == 4 * len(plan.passes)


def test_passes_that_know_nothing_do_every_tile(image: Image) -> None:
    plan = tm.plan({"a": image > 3, "b": tm.from_array(np.zeros((800, 1000), np.uint8)) > 3}, tile=100, pyramid=False)
    assert [b.tiles for b in plan.bills] == [80]
