"""``make setup`` on machines that lack something, played with stand-ins for the system's tools.

Each test runs scripts/setup.sh in a folder of its own, where PATH holds a few real tools and
scripts that only write down how they were called.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

REAL = ("sh", "dirname", "cat", "cksum", "head", "tr", "rm", "mv", "mkdir", "cp", "chmod", "env")

SILENT = "#!/bin/sh\n"

RECORD = '#!/bin/sh\necho "$(basename "$0") $*" >>"$LOG"\n'

# Answers version checks, makes a .venv that holds itself, and plays pip, which installs a kgen.
PYTHON = """#!/bin/sh
case "$*" in
*'version_info < '*) exit {old} ;;
*ensurepip*) exit {bare} ;;
*'%d.%d-venv'*) echo python3.11-venv ;;
--version) echo Python 3.11.2 ;;
'-m venv .venv') mkdir -p .venv/bin; cp "$0" .venv/bin/python ;;
scripts/install.py)
	echo "install from $PWD" >>"$LOG"
	printf '#!/bin/sh\\nexit {kgen}\\n' >.venv/bin/kgen
	chmod 755 .venv/bin/kgen
	exit {pip} ;;
esac
"""

APT = (
    RECORD
    + """[ "$1" = update ] || for tool in {provides}; do cp "$STUB" "$BIN/$tool"; done
"""
)


@dataclass(frozen=True)
class Machine:
    """A machine's root folder, its PATH and the log of what its tools were asked."""

    folder: Path

    @property
    def bin(self) -> Path:
        return self.folder / "bin"

    @property
    def log(self) -> Path:
        return self.folder / "log"

    @property
    def calls(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []

    def tool(self, name: str, text: str = RECORD) -> None:
        """Install the stand-in ``name``. A link to the system's own goes first: not through it!"""
        (self.bin / name).unlink(missing_ok=True)
        (self.bin / name).write_text(text)
        (self.bin / name).chmod(0o755)

    def python(self, *, old: int = 0, bare: int = 0, pip: int = 0, kgen: int = 0) -> None:
        """Install a python3: too old, without ensurepip, with a pip that fails, or a bad kgen."""
        self.tool("python3", PYTHON.format(old=old, bare=bare, pip=pip, kgen=kgen))

    def user(self, number: int, system: str = "Linux x86_64") -> None:
        """Say who is at work, and on what."""
        self.tool("id", f"#!/bin/sh\necho {number}\n")
        self.tool("uname", f"#!/bin/sh\necho '{system}'\n")

    def setup(self, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run scripts/setup.sh from its checkout."""
        names = {"LOG": self.log, "BIN": self.bin, "STUB": self.folder / "stub", "PATH": self.bin}
        names["GRUB"] = self.folder / "grub"
        return subprocess.run(
            ["scripts/setup.sh"],
            cwd=self.folder / "kgen",
            env={**{name: str(value) for name, value in names.items()}, **variables},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Debian with compiler, QEMU and python3, used by root; kgen is a fresh clone."""
    made = Machine(tmp_path)
    made.bin.mkdir()
    (tmp_path / "stub").write_text(SILENT)
    (tmp_path / "stub").chmod(0o755)
    for name in (*REAL, "basename"):
        found = shutil.which(name)
        assert found is not None
        (made.bin / name).symlink_to(found)
    for name in ("gcc", "ld", "qemu-system-i386", "grub-mkrescue", "xorriso"):
        made.tool(name, SILENT)
    (tmp_path / "grub").mkdir()
    made.tool("apt-get", APT.format(provides="gcc ld qemu-system-i386"))
    made.python()
    made.user(0)
    clone = tmp_path / "kgen"
    (clone / "scripts").mkdir(parents=True)
    for name in ("pyproject.toml", "constraints.txt", "scripts/setup.sh"):
        shutil.copy(ROOT / name, clone / name)
    return made


def test_a_whole_machine_gets_its_venv_and_nothing_else(machine: Machine) -> None:
    done = machine.setup()
    assert done.returncode == 0, done.stderr
    (call,) = machine.calls
    assert call == f"install from {machine.folder / 'kgen'}"


def test_the_second_run_does_nothing(machine: Machine) -> None:
    machine.setup()
    machine.log.unlink()
    done = machine.setup()
    assert (done.returncode, done.stdout, machine.calls) == (0, "", [])


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_a_changed_requirement_is_installed(name: str, machine: Machine) -> None:
    machine.setup()
    keep = machine.folder / "kgen/.venv/keep"
    keep.touch()
    with (machine.folder / "kgen" / name).open("a") as file:
        file.write("# changed\n")
    machine.setup()
    assert len(machine.calls) == 2
    assert keep.exists()


def test_an_interrupted_venv_is_made_afresh(machine: Machine) -> None:
    machine.python(pip=1)
    assert machine.setup().returncode == 1
    remains = machine.folder / "kgen/.venv/remains"
    remains.touch()
    machine.python()
    assert machine.setup().returncode == 0
    assert not remains.exists()


def test_a_venv_with_kgen_by_its_former_name_is_made_afresh(machine: Machine) -> None:
    """The distribution is kgen-i386 now; pip would keep `kgen` beside it."""
    machine.setup()
    packages = machine.folder / "kgen/.venv/lib/python3.11/site-packages"
    (packages / "kgen-0.1.0.dist-info").mkdir(parents=True)
    with (machine.folder / "kgen/pyproject.toml").open("a") as file:
        file.write("# changed\n")
    assert machine.setup().returncode == 0
    assert not packages.exists()


def test_a_checkout_that_moved_gets_a_new_venv(machine: Machine) -> None:
    machine.setup()
    (machine.folder / "kgen/.venv/old").touch()
    stamp = machine.folder / "kgen/.venv/kgen-setup"
    stamp.write_text(stamp.read_text().replace(str(machine.folder), "/elsewhere"))
    assert machine.setup().returncode == 0
    assert not (machine.folder / "kgen/.venv/old").exists()


def test_a_venv_whose_python_is_gone_is_made_afresh(machine: Machine) -> None:
    machine.setup()
    (machine.folder / "kgen/.venv/bin/python").unlink()
    assert machine.setup().returncode == 0
    assert len(machine.calls) == 2


def test_missing_packages_come_from_apt(machine: Machine) -> None:
    for name in ("gcc", "qemu-system-i386"):
        (machine.bin / name).unlink()
    machine.python(bare=1)
    done = machine.setup()
    assert done.returncode == 0, done.stderr
    update, install = machine.calls[:2]
    assert update == "apt-get update -qq"
    assert install.startswith("apt-get install -y -qq --no-install-recommends gcc ")
    assert install.endswith("qemu-system-x86 python3.11-venv")


def test_on_other_processors_the_cross_compiler_is_installed(machine: Machine) -> None:
    machine.user(0, "Linux aarch64")
    machine.setup()
    assert "gcc-i686-linux-gnu" in machine.calls[1]


def test_sudo_is_used_by_others_than_root(machine: Machine) -> None:
    machine.user(1000)
    (machine.bin / "qemu-system-i386").unlink()
    machine.tool("sudo", RECORD + 'exec "$@"\n')
    assert machine.setup().returncode == 0
    assert machine.calls[0].startswith("sudo ")
    assert any(call.startswith("sudo ") and "qemu-system-x86" in call for call in machine.calls)


def test_without_sudo_the_exact_line_is_printed(machine: Machine) -> None:
    machine.user(1000)
    (machine.bin / "qemu-system-i386").unlink()
    done = machine.setup()
    assert done.returncode == 1
    assert "apt-get install" in done.stderr
    assert "qemu-system-x86" in done.stderr
    assert machine.calls == []


@pytest.mark.parametrize(
    ("manager", "line"),
    [
        ("brew", "brew install i686-elf-gcc qemu"),
        ("dnf", "sudo dnf install gcc binutils make qemu-system-x86-core python3"),
        ("pacman", "sudo pacman -S --needed"),
        ("true", "install gcc for i386"),
    ],
)
def test_without_apt_the_line_for_that_system_is_printed(
    manager: str, line: str, machine: Machine
) -> None:
    for name in ("qemu-system-i386", "apt-get"):
        (machine.bin / name).unlink()
    machine.tool(manager)
    done = machine.setup()
    assert done.returncode == 1
    assert line in done.stderr
    assert machine.calls == []


def test_a_failing_apt_stops_with_its_packages(machine: Machine) -> None:
    (machine.bin / "qemu-system-i386").unlink()
    machine.tool("apt-get", RECORD + '[ "$1" = update ]\n')
    done = machine.setup()
    assert done.returncode == 1
    assert "could not install: qemu-system-x86" in done.stderr
    assert not (machine.folder / "kgen/.venv").exists()


def test_an_old_python_is_named(machine: Machine) -> None:
    machine.python(old=1)
    done = machine.setup()
    assert done.returncode == 1
    assert "Python 3.11" in done.stderr
    assert "make setup PYTHON=" in done.stderr


def test_a_failing_pip_leaves_no_stamp(machine: Machine) -> None:
    machine.python(pip=1)
    done = machine.setup()
    assert done.returncode == 1
    assert "pip could not install" in done.stderr
    assert not (machine.folder / "kgen/.venv/kgen-setup").exists()


def test_a_failed_upgrade_is_not_built_upon(machine: Machine) -> None:
    machine.setup()
    venv = machine.folder / "kgen/.venv"
    machine.python(pip=1)
    shutil.copy(machine.bin / "python3", venv / "bin/python")
    with (machine.folder / "kgen/pyproject.toml").open("a") as file:
        file.write("# changed\n")
    assert machine.setup().returncode == 1
    (venv / "remains").touch()
    machine.python()
    assert machine.setup().returncode == 0
    assert not (venv / "remains").exists()


def test_a_tool_that_went_away_is_installed_again(machine: Machine) -> None:
    machine.setup()
    (machine.bin / "qemu-system-i386").unlink()
    assert machine.setup().returncode == 0
    assert machine.calls[-1].endswith(" qemu-system-x86")


def test_a_python_without_ensurepip_gets_its_package(machine: Machine) -> None:
    machine.python(bare=1)
    machine.setup()
    assert machine.calls[1].endswith("--no-install-recommends python3.11-venv")


def test_a_compiler_without_libc_gets_its_headers_for_the_tests(machine: Machine) -> None:
    machine.tool("gcc", "#!/bin/sh\nexit 1\n")
    machine.setup()
    assert machine.calls[1].endswith("--no-install-recommends libc6-dev")


# --- what is optional -----------------------------------------------------------------------


def lacking_grub(machine: Machine) -> Machine:
    """Debian's arm64: no GRUB for PCs, and a gcc that makes nothing for i386."""
    (machine.folder / "grub").rmdir()
    (machine.bin / "grub-mkrescue").unlink()
    return machine


def test_arm64_does_without_discs_and_says_so(machine: Machine) -> None:
    lacking_grub(machine).user(0, "Linux aarch64")
    machine.tool("i686-linux-gnu-gcc", SILENT)
    done = machine.setup()
    assert done.returncode == 0, done.stderr
    assert [call for call in machine.calls if "apt-get" in call] == []
    assert "GRUB for PCs is not packaged" in done.stdout
    assert machine.setup().stdout == ""  # said once


def test_who_cannot_install_what_is_optional_goes_on_without(machine: Machine) -> None:
    lacking_grub(machine).user(1000)
    done = machine.setup()
    assert done.returncode == 0, done.stderr
    assert "without grub-common, grub-pc-bin, xorriso: no discs" in done.stdout
    assert machine.setup().returncode == 0


def test_an_optional_package_that_apt_lacks_stops_nothing(machine: Machine) -> None:
    lacking_grub(machine)
    machine.tool("apt-get", RECORD + '[ "$1" = update ]\n')
    done = machine.setup()
    assert done.returncode == 0
    for package in ("grub-common", "grub-pc-bin", "xorriso"):
        assert f"could not install {package}\n" in done.stdout
    assert "no discs" in done.stdout


def test_an_optional_package_that_apt_lacks_costs_no_other(machine: Machine) -> None:
    """apt-get installs all that it is asked for, or nothing."""
    lacking_grub(machine)
    (machine.bin / "gcc").unlink()
    machine.tool("i686-linux-gnu-gcc", SILENT)
    lacks = 'case " $* " in *" gcc "*) exit 100 ;; *xorriso*) cp "$STUB" "$BIN/xorriso" ;; esac\n'
    machine.tool("apt-get", RECORD + lacks)
    done = machine.setup()
    assert done.returncode == 0
    assert (machine.bin / "xorriso").exists()
    assert done.stdout.count("could not install") == 1
    assert "could not install gcc\n" in done.stdout


def test_a_cross_compiler_alone_makes_kernels(machine: Machine) -> None:
    (machine.bin / "gcc").unlink()
    machine.tool("i686-linux-gnu-gcc", SILENT)
    machine.user(1000)
    done = machine.setup()
    assert done.returncode == 0, done.stderr
    assert "without gcc and libc6-dev: tests that run allocators" in done.stdout
    machine.user(0)
    (machine.folder / "kgen/.venv/kgen-setup").unlink()
    machine.setup()
    assert any(call.endswith(" gcc libc6-dev") for call in machine.calls)


@pytest.mark.parametrize(
    ("ci", "packaged", "wanted"), [("true", 0, True), ("true", 100, False), ("", 0, False)]
)
def test_a_build_server_gets_dosbox_where_apt_has_it(
    machine: Machine, ci: str, packaged: int, wanted: bool
) -> None:
    machine.tool("apt-cache", f'#!/bin/sh\n[ "$*" = "show dosbox-x" ] && exit {packaged}\n')
    done = machine.setup(CI=ci)
    assert done.returncode == 0, done.stderr
    installed = [call for call in machine.calls if call.endswith(" dosbox-x")]
    assert bool(installed) == wanted, machine.calls


def test_what_makes_discs_comes_from_apt(machine: Machine) -> None:
    (machine.folder / "grub").rmdir()
    machine.tool("apt-get", RECORD + '[ "$1" = update ] || mkdir "$GRUB"\n')
    assert machine.setup().returncode == 0
    assert machine.calls[1].endswith("--no-install-recommends grub-common grub-pc-bin xorriso")


def test_where_there_is_no_apt_discs_can_wait(machine: Machine) -> None:
    (machine.folder / "grub").rmdir()
    (machine.bin / "apt-get").unlink()
    assert machine.setup().returncode == 0


# --- the real pip, in a folder with a blank in its path, without a network -----------

PROJECT = """\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""

# The least of a build backend: an editable wheel with a command, `kgen`.
BACKEND = """\
from pathlib import Path
from zipfile import ZipFile

def build_editable(folder, config_settings=None, metadata_directory=None):
    with ZipFile(Path(folder, "kgen-1-py3-none-any.whl"), "w") as wheel:
        info = "kgen-1.dist-info/"
        wheel.writestr("kgen_is_here.py", "def main(): print('kgen 1')\\n")
        wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: kgen\\nVersion: 1\\n"
                       "Provides-Extra: dev\\n")
        wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\n"
                       "Tag: py3-none-any\\n")
        wheel.writestr(info + "entry_points.txt", "[console_scripts]\\nkgen = kgen_is_here:main\\n")
        wheel.writestr(info + "RECORD", "")
    return "kgen-1-py3-none-any.whl"

build_wheel = build_editable
"""


def test_settings_for_other_installations_do_no_harm(machine: Machine, tmp_path: Path) -> None:
    clone = tmp_path / "a folder's name"
    (tmp_path / "kgen").rename(clone)
    for name, text in (("pyproject.toml", PROJECT), ("backend.py", BACKEND)):
        (clone / name).write_text(text)
    (clone / "constraints.txt").write_text("kgen == 1\n")
    shutil.copy(ROOT / "scripts/install.py", clone / "scripts")
    (machine.bin / "python3").unlink()
    (machine.bin / "python3").symlink_to(sys.executable)
    elsewhere, decoy = tmp_path / "elsewhere", tmp_path / "decoy"
    (decoy / "scripts").mkdir(parents=True)
    (tmp_path / "pip.conf").write_text(f"[install]\ntarget = {elsewhere}\nno-deps = yes\n")
    hostile = {
        "CDPATH": str(decoy),
        "PYTHONHOME": str(elsewhere),
        "PYTHONPATH": str(elsewhere),
        "PIP_CONFIG_FILE": str(tmp_path / "pip.conf"),
        "PIP_CONSTRAINT": str(elsewhere),
        "PIP_NO_BUILD_ISOLATION": "0",
        "PIP_NO_INDEX": "1",
        "PIP_PREFIX": str(elsewhere),
        "PIP_PYTHON": str(elsewhere),
        "PIP_REQUIRE_HASHES": "1",
        "PIP_TARGET": str(elsewhere),
        "PIP_USER": "1",
    }
    done = subprocess.run(
        ["scripts/setup.sh"],
        cwd=clone,
        env={"PATH": str(machine.bin), "GRUB": str(tmp_path / "grub"), **hostile},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = subprocess.run(
        [clone / ".venv/bin/kgen"], capture_output=True, text=True, check=True, env={}
    )
    assert said.stdout == "kgen 1\n"
    assert not elsewhere.exists()
    assert list(decoy.rglob("*")) == [decoy / "scripts"]


def test_a_folder_that_python_makes_no_venv_in_is_named(machine: Machine) -> None:
    (machine.folder / "kgen").rename(machine.folder / "a:b")
    (machine.folder / "kgen").symlink_to("a:b")
    done = machine.setup()
    assert done.returncode == 1
    assert "a:b" in done.stderr
    assert "move the checkout" in done.stderr


def test_a_kgen_that_does_not_start_is_no_success(machine: Machine) -> None:
    machine.python(kgen=1)
    done = machine.setup()
    assert done.returncode == 1
    assert "move the checkout to one without $" in done.stderr
    assert not (machine.folder / "kgen/.venv/kgen-setup").exists()
