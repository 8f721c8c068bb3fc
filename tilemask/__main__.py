"""`python -m tilemask` is the command `tilemask`."""

from tilemask.cli import main

if __name__ == "__main__":
    main()
