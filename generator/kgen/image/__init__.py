"""Media that boot a built kernel where no emulator loads it: a GRUB disc, a floppy of our own.

``cargo`` says what goes onto a medium, whichever it is. ``iso`` hands it to GRUB. For a floppy,
``plan`` decides where everything goes, on the disk and in memory, and ``floppy`` assembles the
loader of ``templates/loader`` around that. ``medium`` makes files of either.
"""

from __future__ import annotations

from kgen.image.cargo import Cargo, File, gather
from kgen.image.medium import FORMATS, lent, make, write

__all__ = ["FORMATS", "Cargo", "File", "gather", "lent", "make", "write"]
