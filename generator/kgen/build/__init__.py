"""From rendered sources to a linked, not yet verified ELF: toolchain, build graph, diagnostics."""

from __future__ import annotations

__all__: list[str] = []
