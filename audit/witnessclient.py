"""Ask a witness for its cosignature and believe nothing it cannot prove with its pinned key."""

import base64
import http.client
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from urllib.parse import quote, urlsplit

from audit.notes import BadNoteError, Signature, VerifierKey, cosignature_of

MOST_BYTES = 64 * 1024
PATIENCE_SECONDS = 10.0


class WitnessGoneError(Exception):
    """The witness does not answer, or what it answers is not an answer."""


class WitnessRefusedError(Exception):
    """The witness will not cosign; `known_size` is the size it holds when that is the reason."""

    def __init__(self, status: int, detail: str, *, known_size: int | None = None) -> None:
        super().__init__(f"{status}: {detail}")
        self.status = status
        self.detail = detail
        self.known_size = known_size

    @property
    def is_about_the_key(self) -> bool:
        """Whether the witness does not know the key that signed."""
        return self.status == HTTPStatus.FORBIDDEN


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessClient:
    """One witness: its address and the key pinned for it. Redirects and proxies are not followed."""

    url: str
    key: VerifierKey
    timeout_seconds: float = PATIENCE_SECONDS

    def add_checkpoint(self, note: bytes, *, old: int, proof: Sequence[bytes]) -> tuple[Signature, datetime]:
        """Return the cosignature and its time. Raises WitnessGoneError, WitnessRefusedError."""
        lines = [f"old {old}", *(base64.b64encode(step).decode() for step in proof), "", ""]
        body = self._post("/add-checkpoint", "\n".join(lines).encode() + note)
        try:
            return cosignature_of(note + body, self.key)
        except BadNoteError as error:
            raise WitnessGoneError(f"what it answered is not its cosignature: {error}") from error

    def add_rotation(self, statement: bytes) -> None:
        """Tell that a key of the log took over. Raises WitnessGoneError, WitnessRefusedError."""
        self._post("/add-rotation", statement)

    def latest(self, origin: str) -> bytes | None:
        """Return the newest note it cosigned, None when there is none, unchecked. Raises WitnessGoneError."""
        status, _, body = self._ask("GET", f"/latest?origin={quote(origin, safe='')}", None)
        if status == HTTPStatus.NOT_FOUND:
            return None
        if status != HTTPStatus.OK:
            raise WitnessGoneError(f"it answered {status}")
        return body

    def _post(self, path: str, body: bytes) -> bytes:
        status, kind, answer = self._ask("POST", path, body)
        if status == HTTPStatus.OK:
            return answer
        text = answer.decode(errors="replace").strip()[:200]
        if status == HTTPStatus.CONFLICT and kind == "text/x.tlog.size" and text.isascii() and text.isdigit():
            raise WitnessRefusedError(status, f"it holds a tree of {text}", known_size=int(text))
        if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
            raise WitnessRefusedError(status, text)
        raise WitnessGoneError(f"it answered {status}")

    def _ask(self, method: str, path: str, body: bytes | None) -> tuple[int, str, bytes]:
        parts = urlsplit(self.url)
        connection = (
            http.client.HTTPSConnection(
                parts.netloc, timeout=self.timeout_seconds, context=ssl.create_default_context()
            )
            if parts.scheme == "https"
            else http.client.HTTPConnection(parts.netloc, timeout=self.timeout_seconds)
        )
        try:
            connection.request(method, parts.path.rstrip("/") + path, body=body)
            answer = connection.getresponse()
            content = answer.read(MOST_BYTES + 1)
        except (OSError, http.client.HTTPException) as error:
            raise WitnessGoneError(f"it does not answer: {error.__class__.__name__}") from error
        finally:
            connection.close()
        if len(content) > MOST_BYTES:
            raise WitnessGoneError("its answer has no end")
        return answer.status, answer.headers.get_content_type(), content
