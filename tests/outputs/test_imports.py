import pkgutil
import subprocess
import sys

import pytest

import batchmri


def modules_of(package: str) -> list[str]:
    folder = f"{batchmri.__path__[0]}/{package.rpartition('.')[2]}"
    return [one.name for one in pkgutil.walk_packages([folder], f"{package}.")]


@pytest.mark.parametrize("package", ["batchmri.archive", "batchmri.formats", "batchmri.outputs"])
def test_no_module_of_a_stage_without_a_network_loads_torch(package: str) -> None:
    modules = modules_of(package)
    assert modules
    code = f"import sys, {', '.join(modules)}; assert not {{'torch', 'monai'}} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
