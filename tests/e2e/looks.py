"""Runs inside Blender's own Python: renders the first frame of many jobs in one process, which saves their starts.

`python looks.py FOLDER`: FOLDER/jobs.json maps names to jobs. Out come FOLDER/<name>.png and .mask.png, and
FOLDER/said.json with the stops of exposure and the CPU seconds of the frame, or the error, of every job.
"""

import json
import os
import sys
from pathlib import Path

folder = Path(sys.argv[1])
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "blender"))

import exposure  # noqa: E402
import outputs  # noqa: E402
import scene as scenery  # noqa: E402

said = {}
for name, job in json.loads((folder / "jobs.json").read_text()).items():
    try:
        scene = scenery.build(job, folder)
        outputs.prepare(scene, job)
        stops = exposure.settle(scene, job)
    except ValueError as e:
        said[name] = {"error": str(e)}
        continue
    scenery.aim(scene, job["cameras"][0], job["look_at"])
    for suffix, file in outputs.render(scene, job, folder).items():
        file.replace(folder / f"{name}{suffix}")
    said[name] = {"stops": stops}
(folder / "said.json").write_text(json.dumps(said))
os._exit(0)  # Blender's own clean-up at exit can crash or hang
