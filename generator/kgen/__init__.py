"""kgen: describe an i386 kernel's memory subsystem in Python; build it, verify it, boot it."""
