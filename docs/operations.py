"""Write the table of operations, from their declarations, into README.md and docs/exactness.md.

python docs/operations.py
"""

from __future__ import annotations

from pathlib import Path

import tilemask as tm
from tilemask.image import OPERATIONS

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", ROOT / "docs" / "exactness.md")
BEGIN, END = "<!-- operations: python docs/operations.py -->\n", "<!-- end of operations -->"


def table() -> str:
    """One row per operation: name, exactness class, reference."""
    for name in tm.__all__:  # operations are declared when their file is loaded
        getattr(tm, name)
    rows = ["| operation | class | equals, on the whole image |", "|---|---|---|"]
    public = {n: d for n, d in OPERATIONS.items() if n in tm.__all__}
    rows += [f"| `{n}` | {d.exactness} | {_escaped(d.reference)} |" for n, d in sorted(public.items())]
    return "\n".join(rows) + "\n"


def _escaped(text: str) -> str:
    return text.replace("*", r"\*").replace("|", r"\|")


def with_table(text: str) -> str:
    """A page with its table as it should be."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{table()}{END}{after}"


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(with_table(page.read_text()))
