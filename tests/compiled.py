"""A cache in the compiler's place: nothing is compiled twice in a run.

The kernels of tests differ in a few lines of their sources, but each is built in a folder of its
own. A script goes in front of the compiler on PATH, by the same name. It has the source
preprocessed, which is a tenth of the work, and takes the object from the cache if that text was
compiled with these options before. kgen and ninja do everything else as ever.

Only compilations without a complaint are cached, in the form that a build graph of kgen's gives
them; the compiler itself does the rest. An object is not kept if the assembler read a file.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path

# Only the option that keeps the build's folder out of an object may differ: it names that folder.
_SCRIPT = r"""#!/bin/sh
real={real}
store={store}
object= listing= last=
for word; do
	case $word in -Wa,--MD,*) listing=${{word#-Wa,--MD,}} ;; esac
	case $last in -o) object=$word ;; esac
	last=$word
done
[ "$object" ] && [ "$listing" ] || exec "$real" "$@"

"$real" "$@" -E -fno-working-directory -MQ "$object" 2>/dev/null || exec "$real" "$@"
key=$({{
	for word; do
		case $word in "-ffile-prefix-map=$PWD=.") ;; *) echo "$word" ;; esac
	done
	cat "$object"
}} | sha256sum)
kept=$store/${{key%% *}}
if [ -e "$kept.o" ]; then
	cp "$kept.d" "$listing" && exec cp "$kept.o" "$object"
fi
said=$("$real" "$@" 2>&1)
status=$?
if [ "$said" ] || [ $status -ne 0 ]; then
	printf '%s\n' "$said" >&2
	exit $status
fi
for word in $(cat "$listing"); do
	case $word in "$object:") ;; *) [ -e "$word" ] && exit ;; esac
done
cp "$listing" "$kept.$$" && mv "$kept.$$" "$kept.d"
cp "$object" "$kept.$$" && mv "$kept.$$" "$kept.o"
"""


def in_place_of(compiler: str, name: str, folder: Path) -> None:
    """Put into ``folder``, for PATH, the script ``name`` that stands for ``compiler``.

    Workers may share the folder, and what the script keeps there.
    """
    script, store = folder / name, folder / "kept"
    store.mkdir(parents=True, exist_ok=True)
    fresh = script.with_name(f"{name}.{os.getpid()}")
    fresh.write_text(_SCRIPT.format(real=shlex.quote(compiler), store=shlex.quote(str(store))))
    fresh.chmod(0o755)
    fresh.replace(script)
