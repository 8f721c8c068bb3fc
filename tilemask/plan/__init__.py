"""From images to passes, and what they cost; pure: no pixels, no files, no Dask."""

from tilemask.plan.cut import Keep, Pass, Write, cut
from tilemask.plan.plan import Plan, make_plan

__all__ = ["Keep", "Pass", "Plan", "Write", "cut", "make_plan"]
