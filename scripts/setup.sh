#!/bin/sh
# Install what kgen needs: system packages, and .venv with kgen in editable mode.
#
# Safe to run at any time. When nothing is missing it only compares a stamp, needs no network
# and takes milliseconds. The stamp is the last thing written, so an interrupted run leaves none
# and the next one starts .venv afresh.
#
#   PYTHON=python3.12 scripts/setup.sh    use this interpreter when .venv is made
set -eu
cd "$(dirname "$0")/.."

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

# What `kgen image --format iso` makes a disc with, where apt-get can supply it. Nothing else
# needs it, and kgen names the packages when it is missing.
have_grub() {
	! have apt-get || { have grub-mkrescue && have xorriso && [ -d "$GRUB" ]; }
}

tools_present() { have_compiler && have qemu-system-i386 && have_grub; }

# What .venv was made for: its place (its scripts hold absolute paths), then what is in it.
wanted() {
	pwd
	cksum pyproject.toml constraints.txt
}

venv_usable() { [ "$(head -n 1 $STAMP 2>/dev/null)" = "$PWD" ] && .venv/bin/python -c '' && ! former; }

# Whether kgen is in .venv by its former name; pip would keep both, and one `uninstall` break both.
former() {
	for information in .venv/lib/python*/site-packages/kgen-[0-9]*.dist-info; do
		[ -e "$information" ] && return
	done
	return 1
}

venv_current() { [ "$(cat $STAMP 2>/dev/null)" = "$(wanted)" ] && .venv/bin/python -c ''; }

# --- system packages ----------------------------------------------------------

# Names of the apt packages that provide what is missing. The kernel is compiled without libc;
# the tests that run its allocators on the host are not.
missing_packages() {
	have_compiler || if on_x86_linux; then echo gcc; else echo gcc gcc-i686-linux-gnu; fi
	echo '#include <stdio.h>' | gcc -E - >/dev/null 2>&1 || echo libc6-dev
	have qemu-system-i386 || echo qemu-system-x86
	have_grub || echo grub-common grub-pc-bin xorriso
	python=$(find_python)
	[ -n "$python" ] || { have python3 || echo python3 python3-venv; return; }
	"$python" -c 'import ensurepip, venv' 2>/dev/null ||
		"$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'
}

apt_install() {
	sudo=
	if [ "$(id -u)" -ne 0 ]; then
		have sudo || die "not root, and there is no sudo; as root, run" "apt-get install $*"
		sudo="sudo"
	fi
	say "installing $*"
	export DEBIAN_FRONTEND=noninteractive
	$sudo apt-get update -qq || say "apt-get update failed; trying with the lists at hand"
	$sudo apt-get install -y -qq --no-install-recommends "$@" ||
		die "apt-get could not install: $*" "mend what it says above, then run make again"
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
	# shellcheck disable=SC2086  # one word each
	apt_install $packages
}

# --- .venv ----------------------------------------------------------------------

make_venv() {
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
	PIP_CONSTRAINT=$PWD/constraints.txt PIP_BUILD_CONSTRAINT=$PWD/constraints.txt \
		.venv/bin/python -m pip install --quiet --disable-pip-version-check \
		--editable '.[dev]' ||
		die "pip could not install kgen's libraries" "see above; a network is needed this once"
	wanted >$STAMP.new
	mv $STAMP.new $STAMP
}

tools_present || install_packages
venv_current || {
	install_packages
	make_venv
	say "done"
}
