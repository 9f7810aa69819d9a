"""kernel.elf and its manifest in, a verdict out.

This package knows nothing of descriptions or templates: what it must know of a
kernel stands in ``manifest.json`` beside the image.
"""
