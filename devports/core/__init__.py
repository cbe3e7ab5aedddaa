"""The pure core: values in, values out.

Nothing here opens, asks, waits or signals; import-linter fails the build when it tries.
"""
