"""Write again what is made from devports/config/keys.py: the JSON Schema and the reference page.

Run it from anywhere after a change of the specification: python tests/unit/config/regenerate.py
"""

from __future__ import annotations

import pathlib

from devports.config import schema

ROOT = pathlib.Path(__file__).resolve().parents[3]
GENERATED = {
    ROOT / "devports" / "schemas" / "config.schema.json": schema.as_text,
    ROOT / "docs" / "configuration.md": schema.page,
}

if __name__ == "__main__":
    for path, text in GENERATED.items():
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text().encode())
