"""The one form of a deliberate fault: all tests that break the kernel put it in by an ``Edit``.

Host mutants (``tests/host/*mutants.py``) name the cheapest test that kills each. A mutant is on a
boot (``tests/boot/*mutants.py``) only if it shows what the host can't.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Edit:
    """A deliberate fault: in ``file`` of the kernel, ``old`` (found just once) becomes ``new``.

    A blank in ``old`` stands for any white space, so that reformatting changes nothing; white
    space around ``new`` does not count, as that around ``old`` is not replaced.
    """

    file: str
    old: str
    new: str

    def apply(self, text: str) -> str:
        """``text`` with the fault in it."""
        pattern = r"\s+".join(re.escape(word) for word in self.old.split())
        found = re.findall(pattern, text)
        assert len(found) == 1, f"{self.file} has {len(found)} times {self.old!r}: adapt the mutant"
        return text.replace(found[0], self.new.strip())
