"""Label Studio's side of a review, as pure conversions: labelling configuration, tasks, decisions.

Label Studio counts video frames from 1 and its timeline ranges include their last frame: the first frame
of a video alone is `{"start": 1, "end": 1}`, our `[0, 1)`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from schemas.digests import digest
from schemas.errors import BadInput
from schemas.rows import Annotation, Interval, Sample

LABEL = "Defect visible"
MODEL_VERSION = "candidates"
"""Names our predictions; a project that names it too shows them to the reviewer as a start."""

INTERVALS_BAD = "The intervals cannot be used"
CAPTION_BAD = "No description fits"

CONFIG = f"""
<View className="defectory">
  <Style>
    .defectory h4, .defectory h6 {{ margin: 0 !important; }}
    .defectory h4 {{ font-size: 18px !important; line-height: 28px !important; }}
    .defectory h6 {{ font-size: 14px !important; line-height: 24px !important; }}
    .defectory .clips, .defectory .work {{ display: grid; gap: 12px; }}
    .defectory .clips {{ grid-template-columns: minmax(720px, 2fr) minmax(240px, 1fr); }}
    .defectory .work {{ grid-template-columns: minmax(240px, 1fr) minmax(480px, 2fr); }}
    .defectory .marked .lsf-timeline {{ display: none; }}
    .defectory .panel {{ border: 1px solid rgba(128, 128, 128, .35); border-radius: 6px; padding: 6px 12px; }}
  </Style>
  <Header value="$title" size="4"/>
  <View className="clips">
    <View>
      <Header value="The clip" size="6"/>
      <Video name="clip" value="$unmarked" frameRate="$fps" sync="pair" height="260" timelineHeight="64"/>
    </View>
    <View className="marked">
      <Header value="$marked_title" size="6"/>
      <Video name="marked" value="$marked" frameRate="$fps" sync="pair" height="260" timelineHeight="64"/>
    </View>
  </View>
  <View className="work">
    <View className="panel">
      <Header value="When is the defect visible?" size="6"/>
      <TimelineLabels name="visible" toName="clip">
        <Label value="{LABEL}" background="#d64545" hotkey="v"/>
      </TimelineLabels>
      <Choices name="interval_verdict" toName="clip" choice="single-radio" required="true"
               requiredMessage="Say whether the intervals can be used.">
        <Choice value="The intervals above are right" alias="accept" hotkey="q"/>
        <Choice value="{INTERVALS_BAD}" alias="reject" hotkey="w"/>
      </Choices>
      <View visibleWhen="choice-selected" whenTagName="interval_verdict" whenChoiceValue="{INTERVALS_BAD}">
        <TextArea name="interval_comment" toName="clip" placeholder="What is wrong?" rows="1"
                  maxSubmissions="1" required="true" requiredMessage="Say what is wrong with the intervals."/>
      </View>
    </View>
    <View className="panel">
      <Header value="Which description fits best?" size="6"/>
      <Choices name="caption_choice" toName="clip" value="$captions" choice="single-radio" layout="vertical"/>
      <Header value="Or write it yourself: changed words win over the choice" size="6"/>
      <TextArea name="caption" toName="clip" placeholder="Your description" rows="2"
                maxSubmissions="1" editable="true"/>
      <Choices name="caption_verdict" toName="clip" choice="single-radio" required="true"
               requiredMessage="Say whether the description can be used.">
        <Choice value="The description is right" alias="accept" hotkey="a"/>
        <Choice value="{CAPTION_BAD}" alias="reject" hotkey="s"/>
      </Choices>
      <View visibleWhen="choice-selected" whenTagName="caption_verdict" whenChoiceValue="{CAPTION_BAD}">
        <TextArea name="caption_comment" toName="clip" placeholder="What is wrong?" rows="1"
                  maxSubmissions="1" required="true" requiredMessage="Say what is wrong with the description."/>
      </View>
    </View>
  </View>
</View>
""".strip()

INSTRUCTION = """
<p>Play the clip. The red bars on the timeline are the frames in which the defect should be visible: drag their
ends, draw new ones with <b>v</b>, or delete them until they fit. Then pick or rewrite the description.</p>
<p>Keys: <b>q</b>/<b>w</b> intervals right/unusable, <b>a</b>/<b>s</b> description right/unusable.</p>
"""


@dataclass(frozen=True)
class Item:
    """What one task puts before a reviewer: a clip, and the labels that are to be judged."""

    sample: Sample
    interval: Annotation
    caption: Annotation
    candidates: tuple[Annotation, ...]
    """Captions to choose from; `caption` is one of them, or a person's of an earlier round."""
    unmarked: str
    marked: str | None
    """Addresses of the two videos; a clip without a defect has no marked one."""


@dataclass(frozen=True)
class Decision:
    """One reviewer's submitted answer to one task; a rejected label comes with its comment."""

    intervals: list[Interval]
    caption: str
    intervals_accepted: bool
    caption_accepted: bool
    interval_id: str
    caption_id: str
    """The annotations that the task showed, like `interval_id`."""
    intervals_changed: bool
    caption_changed: bool
    """Whether the reviewer left something else than what the task showed."""
    interval_comment: str = ""
    caption_comment: str = ""


def ranges(intervals: Iterable[Interval]) -> list[dict[str, int]]:
    """Half-open frames from 0 as Label Studio's inclusive frames from 1."""
    return [{"start": i.start_frame + 1, "end": i.end_frame} for i in intervals]


def intervals(ranges: Iterable[Mapping[str, Any]], frames: int) -> list[Interval]:
    """The inverse of `ranges`, sorted, overlapping and touching ones joined, cut to `[0, frames)`.

    Raises BadInput for a range that is no range of frames.
    """
    spans = []
    for r in ranges:
        start, end = r.get("start"), r.get("end")
        if not (isinstance(start, int) and isinstance(end, int)) or isinstance(start, bool) or start > end:
            raise BadInput(f"range {dict(r)!r:.80}: is not a range of frames; draw it again")
        if start <= frames and end >= 1:
            spans.append((max(start - 1, 0), min(end, frames)))
    joined: list[Interval] = []
    for begin, stop in sorted(spans):
        if joined and begin <= joined[-1].end_frame:
            joined[-1] = Interval(joined[-1].start_frame, max(stop, joined[-1].end_frame))
        else:
            joined.append(Interval(begin, stop))
    return joined


def task(item: Item, round_: int) -> dict[str, Any]:
    """The task to import: `data` with our sample id, round and content hash, and the labels as a prediction.

    The hash covers all that the reviewer sees, so a task needs an update exactly when it differs.
    """
    sample = item.sample
    captions = list(dict.fromkeys(tidy(c.text or "") for c in (*item.candidates, item.caption)))
    defect = f"defect: {sample.defect}" if sample.defect != "none" else "no defect"
    clip = f", clip {sample.clip + 1}" if sample.clip is not None else ""
    data: dict[str, Any] = {
        "sample": sample.id,
        "round": round_,
        "title": f"{sample.object}, {defect}{clip}",
        "unmarked": item.unmarked,
        "marked": item.marked or item.unmarked,
        "marked_title": "Defect in red" if item.marked else "No defect was made here: the same clip",
        "fps": sample.fps,
        "frames": sample.frames,
        "captions": [{"value": text} for text in captions],
        "caption": tidy(item.caption.text or ""),
        "intervals": ranges(item.interval.intervals or []),
        "interval_id": item.interval.id,
        "caption_id": item.caption.id,
    }
    result = _result(item.interval.intervals or [], data["caption"])
    data["content"] = digest("review task", data, result)
    return {"data": data, "predictions": [{"model_version": MODEL_VERSION, "result": result}]}


def _result(spans: list[Interval], caption: str) -> list[dict[str, Any]]:
    regions = [("visible", "timelinelabels", {"ranges": [r], "timelinelabels": [LABEL]}) for r in ranges(spans)]
    words = [("caption_choice", "choices", {"choices": [caption]}), ("caption", "textarea", {"text": [caption]})]
    return [
        {"id": f"{name}-{n}", "from_name": name, "to_name": "clip", "type": kind, "value": value}
        for n, (name, kind, value) in enumerate([*regions, *words])
    ]


def decision(result: Iterable[Mapping[str, Any]], data: Mapping[str, Any]) -> Decision:
    """What a submitted annotation says, from its exported `result` and its task's `data`.

    Raises BadInput when it lacks a verdict, accepts an empty caption or holds malformed ranges.
    """
    found: dict[str, list[Any]] = {}
    for region in result:
        value, kind = region.get("value"), region.get("type")
        given = value.get({"timelinelabels": "ranges", "textarea": "text"}.get(str(kind), kind)) if value else None
        found.setdefault(str(region.get("from_name")), []).extend(given if isinstance(given, list) else [given])
    accepted = {}
    for name in ("interval_verdict", "caption_verdict"):
        if found.get(name) not in (["accept"], ["reject"]):
            raise BadInput(f"sample {data['sample']}: the answer lacks a valid {name}; open the task and answer it")
        accepted[name] = found[name] == ["accept"]
    shown = str(data["caption"])
    written, picked = (tidy(" ".join(map(str, found.get(name, [])))) for name in ("caption", "caption_choice"))
    caption = written if written and written != shown else picked or written
    if accepted["caption_verdict"] and not caption:
        raise BadInput(f"sample {data['sample']}: the answer accepts an empty description; open the task and write one")
    spans = found.get("visible", [])
    if not all(isinstance(r, Mapping) for r in spans):
        raise BadInput(f"sample {data['sample']}: the answer holds a malformed range; open the task and draw it again")
    frames = int(data["frames"])
    drawn = intervals(spans, frames)
    return Decision(
        intervals=drawn,
        caption=caption,
        intervals_accepted=accepted["interval_verdict"],
        caption_accepted=accepted["caption_verdict"],
        interval_comment=tidy(" ".join(map(str, found.get("interval_comment", [])))),
        caption_comment=tidy(" ".join(map(str, found.get("caption_comment", [])))),
        interval_id=str(data["interval_id"]),
        caption_id=str(data["caption_id"]),
        intervals_changed="intervals" in data and drawn != intervals(data["intervals"], frames),
        caption_changed=caption != shown,
    )


def tidy(text: str) -> str:
    """One line without control characters: what people type becomes a table's cell and a tar member's text."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
