"""Writing: outputs as OME-Zarr, one object per tile, published only when complete."""
