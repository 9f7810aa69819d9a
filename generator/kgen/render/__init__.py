"""From templates and a proved description to the kernel's sources.

``plan`` decides which outputs there are, ``template`` renders one of them and maps its lines
back, ``tree`` puts them on disk. Nothing is written before everything is rendered.
"""

from __future__ import annotations

from kgen.render.plan import Output, plan
from kgen.render.template import Rendered, Renderer
from kgen.render.tree import Tree, render

__all__ = ["Output", "Rendered", "Renderer", "Tree", "plan", "render"]
