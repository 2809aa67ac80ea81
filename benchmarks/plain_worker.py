"""The common worker under a plain sky, as a script sets it up: the HDRI is seen and lights.

Ours has a picture that is seen and a coarse one that lights (see blender/sky.py). Runs inside Blender's Python.
"""

import os
import sys
from typing import Any

import common_worker
import worker


def plain(scene: Any, job: dict[str, Any]) -> None:
    defaults(scene, job)
    tree = scene.world.node_tree
    mix = next(n for n in tree.nodes if n.bl_idname == "ShaderNodeMixShader")
    tree.links.new(mix.inputs[2].links[0].from_socket, tree.get_output_node("CYCLES").inputs["Surface"])


defaults, common_worker.defaults = common_worker.defaults, plain

if __name__ == "__main__":
    code = worker.main()
    sys.stdout.flush()
    os._exit(code)
