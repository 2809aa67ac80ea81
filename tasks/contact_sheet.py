"""Many pictures on one: rows of cells, a caption under each."""

from collections.abc import Iterable

import cv2
import numpy as np

CAPTION_HEIGHT = 18
GAP = 4
PAPER, INK = 255, (40, 40, 40)


def sheet(pictures: Iterable[tuple[np.ndarray, str]], columns: int, cell_width: int) -> np.ndarray:
    """RGB pictures (H, W, 3) uint8 with captions, in reading order, as one RGB picture.

    Every picture is scaled to `cell_width` pixels, its proportions kept; a row is as high as its
    highest cell, and the last row is filled up with paper. Captions are shortened to fit; characters
    that the built-in font lacks become `?`. Raises ValueError when there is no picture.
    """
    cells = [_cell(picture, caption, cell_width) for picture, caption in pictures]
    if not cells:
        raise ValueError("a contact sheet needs at least one picture")
    columns = min(columns, len(cells))
    rows = [cells[i : i + columns] for i in range(0, len(cells), columns)]
    heights = [max(c.shape[0] for c in row) for row in rows]
    width = GAP + columns * (cell_width + GAP)
    paper = np.full((GAP + sum(h + GAP for h in heights), width, 3), PAPER, np.uint8)
    top = GAP
    for row, height in zip(rows, heights, strict=True):
        for n, cell in enumerate(row):
            left = GAP + n * (cell_width + GAP)
            paper[top : top + cell.shape[0], left : left + cell_width] = cell
        top += height + GAP
    return paper


def _cell(picture: np.ndarray, caption: str, width: int) -> np.ndarray:
    height = max(1, round(picture.shape[0] * width / picture.shape[1]))
    shrinking = width < picture.shape[1]
    scaled = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_CUBIC)
    cell = np.full((height + CAPTION_HEIGHT, width, 3), PAPER, np.uint8)
    cell[:height] = scaled
    text = _fitting(caption, width - 4)
    cv2.putText(cell, text, (2, height + 13), cv2.FONT_HERSHEY_SIMPLEX, 0.4, INK, 1, cv2.LINE_AA)
    return cell


def _fitting(text: str, width: int) -> str:
    text = text.encode("ascii", "replace").decode()

    def drawn(t: str) -> int:
        return int(cv2.getTextSize(t, cv2.FONT_HERSHEY_SIMPLEX, 0.4, 1)[0][0])

    if drawn(text) <= width:
        return text
    while text and drawn(text + "..") > width:
        text = text[:-1]
    return text + ".."
