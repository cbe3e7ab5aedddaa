"""The shipped JSON Schemas, as `devports schema` prints them."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from typing import Any

import jsonschema


@cache
def shipped(kind: str) -> dict[str, Any]:
    """Return the schema `config`, `result` or `event`."""
    argv = [sys.executable, "-m", "devports", "schema", kind]
    done = subprocess.run(argv, capture_output=True, check=True)
    schema: dict[str, Any] = json.loads(done.stdout)
    return schema


def fits(kind: str, document: object) -> None:
    """Fail unless a document is as its schema says."""
    jsonschema.Draft202012Validator(shipped(kind)).validate(document)
