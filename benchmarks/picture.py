"""The figures as a picture: speed and peak memory of each row at each size."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from benchmarks.measure import Figure


def draw(figures: list[Figure], path: Path) -> None:
    rows = list(dict.fromkeys(f.row for f in figures))
    sides = sorted({f.side for f in figures})
    canvas, axes = plt.subplots(1, 2, figsize=(11, 0.9 + 0.42 * len(rows) + 0.5 * len(sides)), sharey=True)
    height = 0.8 / len(sides)
    for number, side in enumerate(sides):
        chosen = [f for f in figures if f.side == side]
        places = [rows.index(f.row) + number * height for f in chosen]
        label = f"{side}²"
        axes[0].barh(places, [f.speed for f in chosen], height, label=label)
        axes[1].barh(places, [f.peak_mb for f in chosen], height, label=label)
    axes[0].set_yticks([n + 0.4 - height / 2 for n in range(len(rows))], rows)
    axes[0].invert_yaxis()
    axes[0].set_xlabel("megapixels a second (more is better)")
    axes[1].set_xlabel("peak memory, MB (less is better)")
    axes[1].legend(frameon=False)
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
    canvas.tight_layout()
    canvas.savefig(path, dpi=110)
