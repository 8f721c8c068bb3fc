"""One command for all figures: ``python -m benchmarks`` prints a table and writes JSON and a picture.

Every row runs in a fresh process, one after the other; quote ratios of one run, never absolute times.
"""

from __future__ import annotations

import argparse
import json
import platform
from dataclasses import asdict
from pathlib import Path

import numpy as np
import zarr

from benchmarks.measure import Figure, measure, target_of
from benchmarks.rows import ROWS, TILE
from benchmarks.scheduling import Load, load

LARGEST = {
    "dask-image": 4096,
    "scikit-image, whole image": 16384,
    "OpenCV, whole image": 16384,
    "libvips, streaming": 16384,
}
"""Sides beyond which a row is not run: it does not end, or does not fit."""
ALONE = ("limit", "tilemask")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--sizes", default="4096,8192,16384,65536", help="sides of the image, in pixels")
    parser.add_argument("--rows", default=",".join(r.replace(",", ";") for r in ROWS), help="rows, separated by commas")
    parser.add_argument("--folder", type=Path, default=Path("benchmarks/data"), help="where sources and outputs go")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"), help="results.json and results.png")
    parser.add_argument("--tiles", default="1000,10000,100000,1000000", help="planned tiles for the memory figures")
    parser.add_argument("--repeat", type=int, default=1, help="runs of each row; the median by wall time counts")
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    figures = run_rows(chosen)
    loads = [load(int(n), cluster=c) for c in (False, True) for n in filter(None, chosen.tiles.split(","))]
    text = "\n\n".join(t for t in (table(figures), load_table(loads)) if t)
    print(text)
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    results = {
        "machine": f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}",
        "rows": [asdict(f) for f in figures],
        "scheduling": [asdict(entry) for entry in loads],
    }
    chosen.out.with_suffix(".json").write_text(json.dumps(results, indent=1))
    if figures:
        from benchmarks.picture import draw

        draw(figures, chosen.out.with_suffix(".png"))


def run_rows(chosen: argparse.Namespace) -> list[Figure]:
    figures = []
    for side in map(int, filter(None, chosen.sizes.split(","))):
        reference: Path | None = None
        for row in (r.replace(";", ",") for r in chosen.rows.split(",")):
            if side > LARGEST.get(row, side) or (side > 16384 and row not in ALONE):
                continue
            runs = sorted((measure(row, side, chosen.folder) for _ in range(chosen.repeat)), key=lambda f: f.wall)
            figures.append(runs[len(runs) // 2])
            print(one_line(figures[-1]), flush=True)
            target = target_of(row, side, chosen.folder)
            if row == "tilemask" and side <= 16384:
                reference = target
            if reference is not None and row in ("eager on a NumPy array", "OpenCV, whole image"):
                print(f"  pixels that differ from tilemask: {differing(reference, target)}", flush=True)
    return figures


def differing(ours: Path, theirs: Path) -> int:
    a = zarr.open_array(ours / "labels" / "nuclei" / "0", mode="r")
    b = zarr.open_array(theirs, mode="r")
    rows = range(0, a.shape[0], TILE)
    return sum(int(np.count_nonzero(a[y : y + TILE] != b[y : y + TILE])) for y in rows)


def one_line(f: Figure) -> str:
    speed = f"{f.wall:8.1f} s wall {f.cpu:8.1f} s CPU {f.speed:7.1f} Mpx/s"
    return f"{f.side:>6}²  {f.row:<28} {speed} {f.peak_mb:7.0f} MB peak"


def table(figures: list[Figure]) -> str:
    """Figures beside the limit and tilemask at the same size."""
    lines = [
        "| image | row | wall s | CPU s | Mpx/s | peak MB | CPU / limit | wall / tilemask |",
        "|---|---|--:|--:|--:|--:|--:|--:|",
    ]
    for f in figures:
        limit = next((o for o in figures if o.side == f.side and o.row == "limit"), None)
        ours = next((o for o in figures if o.side == f.side and o.row == "tilemask"), None)
        lines.append(
            f"| {f.side}² | {f.row} | {f.wall:.1f} | {f.cpu:.1f} | {f.speed:.1f} | {f.peak_mb:.0f} | "
            f"{f.cpu / limit.cpu if limit else float('nan'):.2f} | {f.wall / ours.wall if ours else float('nan'):.2f} |"
        )
    return "\n".join(lines) if figures else ""


def load_table(loads: list[Load]) -> str:
    lines = ["| tiles | where | coordinator MB | scheduler MB | first tile s | all s |", "|--:|---|--:|--:|--:|--:|"]
    for entry in loads:
        scheduler = "–" if entry.scheduler_mb is None else f"{entry.scheduler_mb:.0f}"
        lines.append(
            f"| {entry.tiles:,} | {entry.where} | {entry.coordinator_mb:.0f} | {scheduler} | "
            f"{entry.first_tile_seconds:.2f} | {entry.seconds:.1f} |"
        )
    return "\n".join(lines) if loads else ""


if __name__ == "__main__":
    main()
