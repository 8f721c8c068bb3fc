"""Commands as users give them: in a process of their own, in a folder of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
NUCLEI = str(ROOT / "workflows" / "nuclei.py")

FAULTY = """
import time
from pathlib import Path

import numpy as np
import tilemask as tm


def raising(image):
    return tm.map_tiles(raise_once, image)

def raise_once(pixels):
    if (pixels == 255).any():
        raise ValueError("a pixel of 255")
    return pixels.copy()

def narrow(image):
    return tm.map_tiles(narrower, image)

def narrower(pixels):
    return pixels[:, 1:]

def wide(image):
    return tm.map_tiles(wider, image)

def wider(pixels):
    return pixels.astype("uint32")

def mutating(image):
    return tm.map_tiles(mutate, image)

def mutate(pixels):
    pixels += 1
    return pixels

def slow(image, *, seconds: float = 0.3):
    return {"slow": tm.map_tiles(slowly, image, dtype=bool, seconds=seconds)}

def slowly(pixels, *, seconds):
    time.sleep(seconds)
    return pixels > 10

def nothing(image):
    return None
"""


def start(*arguments: str | Path, folder: Path, own_group: bool = False) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    return subprocess.Popen(
        [sys.executable, "-m", "tilemask", *map(str, arguments)],
        cwd=folder,
        env=environment,
        text=True,
        start_new_session=own_group,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def tilemask(*arguments: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    process = start(*arguments, folder=folder)
    out, err = process.communicate(timeout=120)
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)
