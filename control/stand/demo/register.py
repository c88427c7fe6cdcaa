"""One step of the walk: a form is signed and filed, a changed copy is refused, accounts come from a checked file.

Not for: production. Invariant: everything goes through the pages; each walk brings an account of its own.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from control.stand import signing
from control.stand.demo.visitor import OK, Answer, NotOfferedError, Visitor

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
ADMINISTRATOR, ASSET = "minhhoa.pm", "ung-dung-01"
HEADER = "asset,name,use,category,kind,class,owner,person,document"
TITLE = "Biểu mẫu ký số được nộp, bản bị sửa bị từ chối; tài khoản nhập từ tệp đã kiểm từng dòng"


@dataclass(slots=True, kw_only=True)
class RegisterStep:
    """The step, with what it needs of the walk."""

    up: Mapping[str, Any]
    person: Callable[[str], Visitor]
    now: Callable[[], datetime]

    def __call__(self) -> tuple[dict[str, str], str]:
        """Walk it. Raises NotOfferedError when a page does not offer what it should."""
        administrator, local = self.person(ADMINISTRATOR), self.now().astimezone(ZONE)
        number = f"TK{local:%H%M%S}/QĐ-BMH"
        empty = administrator.get("/privilege/papers/01.pdf")
        content = signing.sign(Path(self.up["data"]), empty.content, field="ChuKy")
        place = len(content) // 3
        altered = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
        broken = self._file(administrator, f"{number}-X", altered)
        if broken.status != HTTPStatus.UNPROCESSABLE_ENTITY:
            raise NotOfferedError(f"a document changed after it was signed was answered with {broken.status}")
        filed = self._file(administrator, number, content)
        if filed.status != OK or "chữ ký hợp lệ" not in html.unescape(filed.text):
            raise NotOfferedError(f"the signed document was not taken as valid: {filed.status} {_faults(filed)}")
        code, name = self._bring(administrator, number, name=f"minh-hoa-{local:%H%M%S}")
        page = administrator.get(f"/privilege/accounts/{ASSET}.{name}")
        if page.status != OK or number not in html.unescape(page.text):
            raise NotOfferedError(f"{ASSET}.{name} does not rest on {number}: {page.status}")
        return (
            {"signed_document": number, "import": code, "imported_account": f"{ASSET}.{name}"},
            f"{number} chữ ký hợp lệ, bản bị sửa một byte bị từ chối; {code}: 1 tài khoản nhập, 1 dòng bỏ ra vì chủ lạ",
        )

    def _file(self, administrator: Visitor, number: str, content: bytes) -> Answer:
        local = self.now().astimezone(ZONE)
        day = f"{local:%d/%m/%Y}"
        return administrator.submit(
            administrator.get("/privilege/documents/new").form(r"/privilege/documents$"),
            files={"file": ("de-nghi.pdf", "application/pdf", content)},
            number=number,
            signed_on=day,
            signer=signing.SIGNATORY,
            issuing_unit="Bộ Minh hoạ",
            subject="Đề nghị cấp mới tài khoản quản trị ứng dụng",
            valid_from=day,
            valid_to=f"{local + timedelta(days=90):%d/%m/%Y}",
        )

    def _bring(self, administrator: Visitor, number: str, *, name: str) -> tuple[str, str]:
        rows = (
            f"{ASSET},{name},Quản trị ứng dụng minh hoạ,infrastructure,shared,normal,{ADMINISTRATOR},,{number}",
            f"{ASSET},{name}-la,Không rõ,infrastructure,shared,normal,khong.co,,{number}",
        )
        sheet = "\r\n".join([HEADER, *rows, ""]).encode("utf-8-sig")
        checked = administrator.submit(
            administrator.get("/privilege/imports/new").form(r"/privilege/imports$"),
            files={"file": ("tai-khoan.csv", "text/csv", sheet)},
        )
        code = checked.find(r"(NK-\d{4,})")
        if "chủ không có trong danh bạ" not in html.unescape(checked.text):
            raise NotOfferedError(f"{code} does not name the row it leaves out")
        taken = administrator.submit(checked.form(rf"/privilege/imports/{code}/confirmation$"))
        if taken.status != OK or not re.search(r"<b>1</b> thêm", html.unescape(taken.text)):
            raise NotOfferedError(f"{code} was not taken as it was shown: {taken.status}")
        return code, name


def _faults(answer: Answer) -> str:
    return html.unescape(" ".join(re.findall(r'class="fault"[^>]*>(?:<svg.*?</svg>)?\s*([^<]+)', answer.text)))
