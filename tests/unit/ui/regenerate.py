"""Write again what is made from devports/ui/resultschema.py: the JSON Schema of results.

Run it from the repository after a change of the table: python tests/unit/ui/regenerate.py
"""

from __future__ import annotations

import pathlib

from devports.ui.resultschema import schema_text

ROOT = pathlib.Path(__file__).resolve().parents[3]
GENERATED = {ROOT / "devports" / "schemas" / "result.schema.json": schema_text}

if __name__ == "__main__":
    for path, text in GENERATED.items():
        path.write_bytes(text().encode())
