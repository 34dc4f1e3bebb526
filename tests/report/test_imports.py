import subprocess
import sys
from types import ModuleType

import batchmri.report


def loaded_after(code: str) -> set[str]:
    script = f"import sys; {code}; print(' '.join(m.partition('.')[0] for m in sys.modules))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True)
    return set(run.stdout.split())


def test_importing_the_package_is_cheap() -> None:
    assert not {"cv2", "pandas", "rich", "torch", "monai"} & loaded_after("import batchmri.report")


def test_nothing_here_needs_torch() -> None:
    every = "import batchmri.report as r; [getattr(r, n) for n in r.__all__]"
    assert not {"torch", "monai"} & loaded_after(every)


def test_public_names_are_what_they_say_even_after_their_modules_were_imported() -> None:
    for _ in range(2):
        public = [getattr(batchmri.report, name) for name in batchmri.report.__all__]
        assert not [one for one in public if isinstance(one, ModuleType)]
