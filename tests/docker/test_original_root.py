"""What makes and installs the original Caffe without Docker: a root of Debian 11 in a folder."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest
import unchecked
from scripts import DOCKER, call, program, refused

NOBODY = 65534


RUN_AS_ROOT = os.geteuid() == 0


needs_keys = unchecked.unless(
    Path("/usr/share/keyrings/debian-archive-keyring.gpg").exists(),
    "the script that makes the original's root",
    "no keys of Debian here: apt-get install debian-archive-keyring",
)


@pytest.fixture
def open_folder():
    """A folder that every user may read and write, which pytest's own are not."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


class TestOriginalRoot:
    SCRIPT = DOCKER / "original_root.sh"

    def test_without_root(self, open_folder):
        script = Path(shutil.copy(self.SCRIPT, open_folder))
        refused(
            call(script, open_folder / "root", user=NOBODY if RUN_AS_ROOT else None), "needs root", "make docker-cpu"
        )
        assert list(open_folder.iterdir()) == [script]

    def prepared(self, tmp_path):
        """Programs that answer as on a machine that has all that is needed."""
        bin_folder = program(tmp_path / "bin", "id", "echo 0")
        program(bin_folder, "debootstrap", "exit 1")
        program(bin_folder, "dpkg", "echo amd64")
        return bin_folder

    def test_without_debootstrap(self, tmp_path):
        # A PATH with everything that the script calls except debootstrap.
        bin_folder = program(tmp_path / "bin", "id", "echo 0")
        for name in ("bash", "dirname", "env", "cd"):
            result = shutil.which(name)
            if result:
                (bin_folder / name).symlink_to(result)
        done = call(shutil.which("bash"), self.SCRIPT, tmp_path / "root", env={"PATH": str(bin_folder)})
        refused(done, "apt-get install debootstrap")

    @needs_keys
    def test_another_architecture(self, tmp_path):
        bin_folder = self.prepared(tmp_path)
        program(bin_folder, "dpkg", "echo riscv64")
        refused(call(self.SCRIPT, tmp_path / "root", path=bin_folder), "riscv64", "amd64")

    @needs_keys
    def test_too_little_space(self, tmp_path):
        bin_folder = self.prepared(tmp_path)
        program(bin_folder, "df", "echo Filesystem 1024-blocks Used Available; echo disk 2000000 1000000 921600")
        refused(call(self.SCRIPT, tmp_path / "root", path=bin_folder), "900 MB free", "1600 MB are needed")
        assert not (tmp_path / "root").exists()

    @needs_keys
    def test_a_mirror_that_does_not_answer_leaves_nothing_that_passes_for_a_root(self, tmp_path):
        if not RUN_AS_ROOT or shutil.which("debootstrap") is None:
            unchecked.skip("a mirror that does not answer", "this needs root and debootstrap")
        if call("unshare", "--mount", "true").returncode != 0:
            unchecked.skip("a mirror that does not answer", "not even root may mount here")
        done = call(self.SCRIPT, tmp_path / "root", "http://127.0.0.1:9/debian")
        line = refused(done, "http://127.0.0.1:9/debian", "MIRROR=")
        assert "E: " in line
        assert [path.name for path in tmp_path.iterdir()] == ["root.log"]

    def test_a_whole_root_is_left_and_a_strange_folder_refused(self, tmp_path):
        root = tmp_path / "root"
        root.mkdir()
        refused(call(self.SCRIPT, root), "without /usr/bin/caffe")
        program(root, "caffe", "")
        (root / "usr/bin").mkdir(parents=True)
        (root / "caffe").rename(root / "usr/bin/caffe")
        done = call(self.SCRIPT, root)
        assert done.returncode == 0 and "skipped" in done.stdout


class TestInstall:
    SCRIPT = DOCKER / "install_original.sh"

    @pytest.mark.parametrize("mirror", ["ftp:", "deb http://x bullseye", "http://a b", "-o"])
    def test_what_is_no_mirror(self, mirror):
        refused(call(self.SCRIPT, mirror), f"MIRROR={mirror}")

    def test_another_system(self):
        if "bullseye" in Path("/etc/os-release").read_text():
            unchecked.skip("the error on another system", "this is Debian 11 itself")
        refused(call(self.SCRIPT), "Debian 11")
