#!/bin/sh
# Install what kgen needs: system packages, and .venv with kgen in editable mode.
#
# Safe to run at any time. When nothing is missing it only compares a stamp, needs no network
# and takes milliseconds. The stamp is the last thing written, so an interrupted run leaves none
# and the next one starts .venv afresh.
#
#   PYTHON=python3.12 scripts/setup.sh    use this interpreter when .venv is made
set -eu
unset CDPATH # with it, cd goes elsewhere
cd -- "$(dirname -- "$0")/.."

# They speak of the user's Python, not of ours.
unset PYTHONHOME PYTHONPATH PYTHONSTARTUP PYTHONINSPECT PYTHONWARNINGS PYTHONPLATLIBDIR

HERE=$(pwd -P)
STAMP=.venv/kgen-setup
GRUB=${GRUB:-/usr/lib/grub/i386-pc} # what makes a disc boot on a PC without UEFI

say() { printf 'setup: %s\n' "$*"; }

die() {
	printf 'setup: error: %s\n' "$1" >&2
	shift
	for line; do printf '    %s\n' "$line" >&2; done
	exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# --- what is there ------------------------------------------------------------

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

# The interpreter for .venv: the first that is 3.11 or newer. Empty if there is none.
find_python() {
	for name in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
		if have "$name" && new_enough "$name"; then
			echo "$name"
			return
		fi
	done
}

# A compiler for i386. On Linux an x86 gcc is one (-m32 needs no multilib when nothing is linked
# with libc); elsewhere it takes a cross compiler.
have_compiler() {
	have i686-elf-gcc || have i686-linux-gnu-gcc || { on_x86_linux && have gcc && have ld; }
}

on_x86_linux() {
	case $(uname -sm) in
	'Linux x86_64' | 'Linux i'?86) true ;;
	*) false ;;
	esac
}

# What `kgen image --format iso` makes a disc with. Nothing else needs it, and kgen names the
# packages when it is missing.
have_grub() { have grub-mkrescue && have xorriso && [ -d "$GRUB" ]; }

# A C library for the compiler's own machine: the tests that run allocators on the host need it.
have_libc() { echo '#include <stdio.h>' | gcc -E - >/dev/null 2>&1; }

tools_present() { have_compiler && have qemu-system-i386; }

# What .venv was made for: its place (its scripts hold absolute paths), then what is in it.
wanted() {
	printf '%s\n' "$HERE"
	cksum pyproject.toml constraints.txt
}

venv_usable() { [ "$(head -n 1 $STAMP 2>/dev/null)" = "$HERE" ] && .venv/bin/python -c '' && ! former; }

# Whether kgen is in .venv by its former name; pip would keep both, and one `uninstall` break both.
former() {
	for information in .venv/lib/python*/site-packages/kgen-[0-9]*.dist-info; do
		[ -e "$information" ] && return
	done
	return 1
}

venv_current() { [ "$(cat $STAMP 2>/dev/null)" = "$(wanted)" ] && .venv/bin/python -c ''; }

# --- system packages ----------------------------------------------------------

# Names of the apt packages that provide what is missing.
missing_packages() {
	have_compiler || if on_x86_linux; then echo gcc; else echo gcc gcc-i686-linux-gnu; fi
	have qemu-system-i386 || echo qemu-system-x86
	python=$(find_python)
	[ -n "$python" ] || { have python3 || echo python3 python3-venv; return; }
	"$python" -c 'import ensurepip, venv' 2>/dev/null ||
		"$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'
}

# DOSBox-X is a machine that is a 386 (docs/cpu386.md). Debian has it from 13 on; it brings some 80
# packages along, which a build server may have (CI is set there) and a user is to ask for.
wants_dosbox() { [ -n "${CI:-}" ] && ! have dosbox-x && apt-cache show dosbox-x >/dev/null 2>&1; }

# And of those that kgen can do without. GRUB for PC BIOSes is packaged for x86 alone.
missing_options() {
	! wants_dosbox || echo dosbox-x
	have gcc || echo gcc
	have_libc || echo libc6-dev
	on_x86_linux || return 0
	have_grub || echo grub-common grub-pc-bin xorriso
}

# The features that are missing without those packages.
say_lacking() {
	[ "$(uname -sm)" != 'Darwin arm64' ] ||
		say "iced-x86 has no wheel for this machine: pip compiles it, which takes Rust (brew install rust)"
	have_libc || say "without gcc and libc6-dev: tests that run allocators on this machine are skipped"
	if on_x86_linux; then
		have_grub || say "without grub-common, grub-pc-bin, xorriso: no discs (kgen image --format iso, kgen boot --via grub)"
	else
		say "on $(uname -m), GRUB for PCs is not packaged: no discs (kgen image --format iso, kgen boot --via grub)"
	fi
}

apt_get() {
	sudo=
	[ "$(id -u)" -eq 0 ] || sudo=sudo
	DEBIAN_FRONTEND=noninteractive $sudo apt-get "$@"
}

may_install() { [ "$(id -u)" -eq 0 ] || have sudo; }

apt_install() {
	say "installing $*"
	apt_get update -qq || say "apt-get update failed; trying with the lists at hand"
	apt_get install -y -qq --no-install-recommends "$@"
}

other_system() {
	if have brew; then
		echo 'brew install i686-elf-gcc qemu python@3.13'
	elif have dnf; then
		echo 'sudo dnf install gcc binutils make qemu-system-x86-core python3'
	elif have pacman; then
		echo 'sudo pacman -S --needed gcc binutils make qemu-system-x86 python'
	else
		echo 'install gcc for i386, binutils, qemu-system-i386 and Python 3.11 or newer'
	fi
}

install_packages() {
	packages=$(missing_packages | tr '\n' ' ')
	[ -n "$packages" ] || return 0
	have apt-get || die "missing here (by the names of Debian): $packages" "$(other_system)" \
		"then run make again"
	may_install || die "not root, and there is no sudo; as root, run" "apt-get install $packages"
	# shellcheck disable=SC2086  # one word each
	apt_install $packages || die "apt-get could not install: $packages" \
		"mend what it says above, then run make again"
}

# Optional packages are tried once, when .venv is made, and reported if they are not available.
install_options() {
	packages=$(missing_options | tr '\n' ' ')
	if [ -n "$packages" ] && have apt-get && may_install; then
		# It installs all or nothing: one that it lacks is not to cost the others.
		# shellcheck disable=SC2086  # one word each
		apt_install $packages || for package in $packages; do
			apt_get install -y -qq --no-install-recommends "$package" ||
				say "apt-get could not install $package"
		done
	fi
	say_lacking
}

# --- .venv ----------------------------------------------------------------------

make_venv() {
	case $HERE in
	*:*) die "Python makes no .venv in a folder with a colon in its name: $HERE" \
		"move the checkout to another" ;;
	esac
	python=$(find_python)
	[ -n "$python" ] || die "${PYTHON:-python3} is older than Python 3.11, or not there" \
		"install a newer one and name it, as in: make setup PYTHON=python3.12"
	if ! venv_usable; then
		say "making .venv with $("$python" --version)"
		rm -rf .venv
		"$python" -m venv .venv || die "$python could not make .venv" \
			"it needs its modules venv and ensurepip (Debian: python3-venv)"
	fi
	rm -f $STAMP
	say "installing kgen and its libraries into .venv"
	.venv/bin/python scripts/install.py ||
		die "pip could not install kgen's libraries" "mend what it says above, then run make again" \
			"(it fetches them: this once a network is needed, or an index that pip is told of)"
	.venv/bin/kgen --version >/dev/null || die "what pip installed does not start from here" \
		"the folder's name may be at fault: $HERE" \
		"move the checkout to one without \$, \", \\, \` and control characters"
	wanted >$STAMP.new
	mv $STAMP.new $STAMP
}

tools_present || install_packages
venv_current || {
	install_packages
	install_options
	make_venv
	say "done"
}
