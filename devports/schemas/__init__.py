"""JSON Schemas, generated and checked: data for editors and for readers of --json."""
