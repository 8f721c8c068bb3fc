"""Write the operations, from their declarations: a list into README.md, a table into docs/exactness.md.

python docs/operations.py
"""

from __future__ import annotations

import textwrap
from pathlib import Path

import tilemask as tm
from tilemask.image import OPERATIONS, Declaration

ROOT = Path(__file__).parents[1]
BEGIN, END = "<!-- operations: python docs/operations.py -->\n", "<!-- end of operations -->"


CLASSES = {
    "exact": "bit for bit the reference",
    "canonical": "one result for every grid, the reference's wherever that is well defined",
    "rounded": "one result for every grid, the last bit may differ from the reference",
    "approximate": "by cells of a fixed grid with a stated halo; one result for every grid of tiles",
}


def declared() -> dict[str, Declaration]:
    """The public operations, in alphabetical order."""
    for name in tm.__all__:  # operations are declared when their file is loaded
        getattr(tm, name)
    return {n: d for n, d in sorted(OPERATIONS.items()) if n in tm.__all__}


def table() -> str:
    """One row per operation: name, exactness class, reference."""
    rows = ["| operation | class | equals, on the whole image |", "|---|---|---|"]
    rows += [f"| `{n}` | {d.exactness} | {_escaped(d.reference)} |" for n, d in declared().items()]
    return "\n".join(rows) + "\n"


def listed() -> str:
    """One paragraph per exactness class, with the names of its operations."""
    lines = []
    for kind, meaning in CLASSES.items():
        names = [f"`{n}`" for n, d in declared().items() if d.exactness == kind]
        lines += (
            textwrap.wrap(f"- **{kind}** ({meaning}): {', '.join(names)}", 120, subsequent_indent="  ") if names else []
        )
    return "\n".join(lines) + "\n"


PAGES = {ROOT / "README.md": listed, ROOT / "docs" / "exactness.md": table}


def _escaped(text: str) -> str:
    return text.replace("*", r"\*").replace("|", r"\|")


def renewed(page: Path) -> str:
    """A page with its operations as they are declared."""
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{PAGES[page]()}{END}{after}"


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(renewed(page))
