"""What a wheel has: the template, as an editable install too, and a README with whole links."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.harness import jsonc

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("tasks.json", "launch.json")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this repository as it is now."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(folder), str(ROOT)]
    done = subprocess.run(pip, capture_output=True, text=True, timeout=300, check=False)
    found = list(folder.glob("*.whl"))
    if not found:
        pytest.skip(f"no wheel can be built here: {done.stderr.strip().splitlines()[-1:]}")
    return found[0]


def test_the_wheel_has_the_template_byte_for_byte(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for name in NAMES:
            shipped = archive.read(f"devports/vscode-template/{name}")
            assert shipped == (ROOT / ".vscode-template" / name).read_bytes()


def test_the_links_of_the_readme_are_absolute_on_a_package_index(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        shown = re.findall(r"\]\(([^)]+)\)", archive.read(name).decode("utf-8"))
    kept = re.findall(r"\]\(([^)]+)\)", (ROOT / "README.md").read_text("utf-8"))
    assert [link.split("/main/")[-1] for link in shown] == kept
    assert all(link.startswith("https://") for link in shown)


def test_what_is_installed_from_the_wheel_writes_tasks(wheel: Path, tmp_path: Path) -> None:
    site, project = tmp_path / "site", tmp_path / "project"
    project.mkdir()
    (project / "devports.toml").write_text('[services.web]\nport = 8123\ncommand = "x"\n')
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    env = {**os.environ, "PYTHONPATH": str(site)}
    where = "import devports; print(devports.__file__)"
    used = subprocess.run(
        [sys.executable, "-c", where],
        cwd=project,
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    assert used.stdout.startswith(str(site))
    done = subprocess.run(
        [sys.executable, "-m", "devports", "vscode"],
        cwd=project, env=env, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    text = (project / ".vscode" / "tasks.json").read_text("utf-8")
    assert jsonc.read(text)["tasks"][0]["label"] == "Run Web"
