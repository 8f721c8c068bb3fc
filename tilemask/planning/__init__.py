"""From images to passes, and what they cost; pure: no pixels, no files, no Dask."""

from tilemask.planning.cut import cut
from tilemask.planning.passes import Keep, Pass, Write
from tilemask.planning.plan import Plan, make_plan

__all__ = ["Keep", "Pass", "Plan", "Write", "cut", "make_plan"]
