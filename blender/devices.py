"""What Cycles renders on: the CPU, a kind of GPU, or the best that is there."""

import platform
from typing import Any

import bpy

GPUS = ("optix", "cuda", "hip", "oneapi")
"""Best first: OptiX has the ray-tracing cores of the same card that CUDA has not."""


class NoDevice(Exception):
    """The device that the job names is not there: no job of this recipe can be rendered on this machine."""


def choose(scene: Any, name: str) -> None:
    """Let the scene be rendered on device `name`, on all of its kind. Raises NoDevice, in one sentence."""
    wanted = GPUS if name == "auto" else () if name == "cpu" else (name,)
    for kind in wanted:
        if _found(kind):
            for device in _preferences().devices:
                device.use = device.type == kind.upper()
            scene.cycles.device = "GPU"
            scene.cycles.denoising_use_gpu = True
            return
    if name not in ("auto", "cpu"):
        raise NoDevice(
            f"device {name}: there is no such GPU on this machine, or no driver for it that Blender can use; "
            "use `auto` or `cpu`"
        )
    scene.cycles.device = "CPU"


def used(scene: Any) -> tuple[str, str]:
    """The kind of device that the scene is rendered on, such as `cpu` or `optix`, and its own name."""
    if scene.cycles.device == "CPU":
        return "cpu", platform.processor() or platform.machine()
    kind = _preferences().compute_device_type
    return kind.lower(), ", ".join(sorted(d.name for d in _preferences().devices if d.use and d.type == kind))


def _preferences() -> Any:
    return bpy.context.preferences.addons["cycles"].preferences


def _found(kind: str) -> bool:
    """Whether there is a device of the kind; sets the kind if so."""
    try:
        _preferences().compute_device_type = kind.upper()
    except TypeError:  # this Blender was built without it
        return False
    _preferences().refresh_devices()
    return any(device.type == kind.upper() for device in _preferences().devices)
