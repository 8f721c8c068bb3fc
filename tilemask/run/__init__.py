"""Run plans: on threads, worker processes or a cluster; in memory or into a store that can be resumed."""
