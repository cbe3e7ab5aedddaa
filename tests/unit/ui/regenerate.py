"""Write again what is made from devports/ui/: the JSON Schemas of results and of events.

Run it from the repository after a change of the table: python tests/unit/ui/regenerate.py
"""

from __future__ import annotations

import pathlib

from devports.ui import json_schema

ROOT = pathlib.Path(__file__).resolve().parents[3]
SCHEMAS = ROOT / "devports" / "schemas"
GENERATED = {
    SCHEMAS / "result.schema.json": json_schema.schema_text,
    SCHEMAS / "event.schema.json": json_schema.event_schema_text,
}

if __name__ == "__main__":
    for path, text in GENERATED.items():
        path.write_bytes(text().encode())
