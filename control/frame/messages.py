"""Sentences of the frame's own faults."""

from __future__ import annotations

from collections.abc import Mapping

from control.messages import Message

MESSAGES: Mapping[str, Message] = {
    "list.csv.too_long": Message(
        vi="Danh sách dài hơn {most} dòng, tệp CSV sẽ thiếu. Hãy lọc bớt rồi tải lại.",
        en="The list is longer than {most} rows, and the CSV file would miss some. Filter it and download again.",
    ),
    "list.cursor.invalid": Message(
        vi="Vị trí trong danh sách không đọc được. Mở lại danh sách từ đầu.",
        en="The place in the list cannot be read. Open the list again from its start.",
    ),
    "list.sort.unknown": Message(
        vi="Danh sách này không sắp xếp theo cột đó. Bấm vào tên một cột có gạch chân.",
        en="This list is not sorted by that column. Choose one of the underlined column names.",
    ),
}
