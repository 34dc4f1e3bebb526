from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from batchmri.audit.files import AuditedImage, Found, read_image

Bytes = npt.NDArray[np.uint8]


def head(seed: int, height: int = 160, width: int = 160) -> Bytes:
    """Create an asymmetric ellipse with smooth random shapes that are unique to the seed."""
    random = np.random.default_rng(seed)
    coarse = random.normal(130, 60, (9, 9)).astype(np.float32)
    inside = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    mask = np.zeros((height, width), np.uint8)
    axes = (int(width * 0.36), int(height * 0.44))
    cv2.ellipse(mask, (width // 2, height // 2), axes, 0, 0, 360, 1, -1)
    return (inside.clip(20, 255) * mask).astype(np.uint8)


def write(path: Path, pixels: npt.NDArray[np.generic], quality: int = 95) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return path


def read_audited(path: Path) -> AuditedImage:
    found = Found(path, path.name, path.parent.parent.name, path.parent.name)
    read = read_image(found)
    assert isinstance(read, AuditedImage), read
    return read
