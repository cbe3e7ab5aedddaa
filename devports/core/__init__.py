"""The pure core: values in, values out.

Nothing here does I/O, waits or signals; import-linter fails the build when it tries.
"""
