"""Fetches through the Sluice router of this pod. One file, the standard library alone, Python 3.9 or later.

`fetch` never raises: what was not fetched says why.

    answer = fetch("https://api.example/items", headers={"Accept": "application/json"})
    if answer:
        print(answer.status, answer.body)
"""

import base64
import binascii
import json
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Tuple, Union

__all__ = ["Fetched", "NotFetched", "fetch"]

_MOST_OCTETS = 64 * 1024 * 1024


@dataclass(frozen=True)
class Fetched:
    """The origin's own answer, whole, whatever its status."""

    status: int
    #: Of the last request.
    url: str
    #: Names in lower case, in the order sent.
    headers: List[Tuple[str, str]]
    body: bytes
    #: Of each: status, url, requestId.
    redirects: List[Dict[str, Any]]

    def __bool__(self) -> bool:
        return True


@dataclass(frozen=True)
class NotFetched:
    #: The router's word, or one that begins with `client/`.
    reason: str
    message: Optional[str] = None
    rule: Optional[str] = None
    #: As the audit log has it; None: the router said nothing that counts.
    request_id: Optional[str] = None
    #: What to do about it.
    how_to_request: Optional[str] = None

    def __bool__(self) -> bool:
        return False


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Whoever is asked must answer itself."""

    def redirect_request(self, *_: Any) -> None:
        return None


def fetch(
    url: str,
    method: str = "GET",
    headers: Optional[Mapping[str, str]] = None,
    body: Union[str, bytes, None] = None,
    redirects: Optional[int] = None,
    timeout_ms: Optional[int] = None,
    answer_bytes: Optional[int] = None,
    router: str = "http://127.0.0.1:18084",
    timeout: float = 60.0,
) -> Union[Fetched, NotFetched]:
    """`redirects`, `timeout_ms`, `answer_bytes`: at most so many; None: as many as the router allows.

    `timeout`: seconds until the router itself counts as not answering.
    """
    question: Dict[str, Any] = {"url": url, "method": method}
    if headers is not None:
        question["headers"] = dict(headers)
    if isinstance(body, (bytes, bytearray)):
        question["bodyBase64"] = base64.b64encode(body).decode("ascii")
    elif body is not None:
        question["body"] = body
    for name, value in (("redirects", redirects), ("timeoutMs", timeout_ms), ("answerBytes", answer_bytes)):
        if value is not None:
            question[name] = value
    try:
        data = json.dumps(question, allow_nan=False).encode("utf-8")
    except (TypeError, ValueError, RecursionError):
        return NotFetched("client/bad_question")
    found: List[Union[Fetched, NotFetched]] = []

    def exchange() -> None:
        try:
            found.append(_read(router.rstrip("/") + "/egress/v1/fetch", data, timeout))
        except Exception:  # Whatever it is, nothing was fetched.
            found.append(NotFetched("client/unreachable"))

    # The deadline is for all of it: a peer that drips is late too.
    thread = threading.Thread(target=exchange, daemon=True)
    thread.start()
    thread.join(timeout)
    return found[0] if found else NotFetched("client/timeout")


def _read(url: str, data: bytes, timeout: float) -> Union[Fetched, NotFetched]:
    # The router is asked itself, whatever proxy the environment names.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect())
    request = urllib.request.Request(url, data=data, headers={"Content-Type": "application/json"}, method="POST")
    try:
        response = opener.open(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        response = error
    with response:
        status = int(response.getcode() or 0)
        text = response.read(_MOST_OCTETS + 1)
        length = response.headers.get("Content-Length", "")
    if length.isdigit() and int(length) > len(text) <= _MOST_OCTETS:
        return NotFetched("client/unreachable")  # It was cut, which reading does not tell.
    if len(text) > _MOST_OCTETS:
        return NotFetched("client/bad_answer")
    try:
        return _told(json.loads(text.decode("utf-8")), status)
    except (ValueError, RecursionError):
        return NotFetched("client/bad_answer")


def _told(value: Any, status: int) -> Union[Fetched, NotFetched]:
    """Of an answer only a whole one counts."""
    if not isinstance(value, dict):
        return NotFetched("client/bad_answer")
    error = value.get("error")
    if isinstance(error, dict):
        return NotFetched(
            _text(error.get("code")) or "client/bad_answer",
            _text(error.get("message")),
            _text(error.get("rule")),
            _text(error.get("request_id")),
            _text(error.get("how_to_request")),
        )
    origin, url, headers, passed = (value.get(name) for name in ("status", "url", "headers", "redirects"))
    body = _octets(value)
    is_whole = (
        status == 200
        and isinstance(origin, int)
        and not isinstance(origin, bool)
        and isinstance(url, str)
        and body is not None
        and value.get("truncated") is False
        and isinstance(headers, list)
        and all(isinstance(one, list) and len(one) == 2 and all(isinstance(text, str) for text in one) for one in headers)
        and isinstance(passed, list)
        and all(isinstance(one, dict) for one in passed)
    )
    if not is_whole:
        return NotFetched("client/bad_answer")
    return Fetched(origin, url, [(name, text) for name, text in headers], body or b"", passed)


def _octets(value: Mapping[str, Any]) -> Optional[bytes]:
    text, coded = value.get("body"), value.get("bodyBase64")
    if isinstance(text, str):
        return text.encode("utf-8")
    try:
        return base64.b64decode(coded, validate=True) if isinstance(coded, str) else None
    except (binascii.Error, ValueError):
        return None


def _text(value: Any) -> Optional[str]:
    return value if isinstance(value, str) else None
