"""Run plans: on threads, worker processes or a cluster; in memory or into a store that can be resumed."""

from tilemask.run.memory import compute, to_dask

__all__ = ["compute", "to_dask"]
