"""The library packages load without the web application; importing does nothing."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("package", ["audit", "monitors", "policies"])
def test_a_library_package_loads_without_the_web_application(package):
    probe = f"import {package}, sys; print(*sorted({{'flask', 'control'}} & set(sys.modules)))"

    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == ""


def test_the_audit_verifier_needs_the_standard_library_alone():
    probe = "import sys; sys.path = [p for p in sys.path if 'site-packages' not in p]; import runpy; runpy.run_path(%r)"
    path = __import__("pathlib").Path(__file__).parents[3] / "audit" / "verify.py"

    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", probe % str(path)], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr


def test_importing_the_application_starts_nothing():
    probe = "import threading, control, control.wiring; print(threading.active_count())"

    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "1"
