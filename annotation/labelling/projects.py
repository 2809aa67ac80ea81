"""The labelling projects by name."""

from annotation.labelling.captions import CAPTION
from annotation.labelling.clips import CLIP, INTERVAL
from annotation.labelling.matches import MATCH
from annotation.labelling.pictures import BOX, MASK
from annotation.labelling.project import Project
from annotation.labelling.quality import QUALITY_SEMANTIC, QUALITY_VISUAL
from annotation.labelling.scenes import SCENE

PROJECTS: dict[str, Project] = {
    p.name: p for p in (INTERVAL, CLIP, MASK, BOX, CAPTION, SCENE, MATCH, QUALITY_VISUAL, QUALITY_SEMANTIC)
}
