"""Asks the Sluice router of this pod before the agent acts. One file, the standard library alone, Python 3.9 or later.

Nothing here raises but `guarded` and `guard`, and nothing here allows but a whole, well-formed `allow` of the router: no
answer, a late one, a redirect, another status, something that is not JSON, or a decision of another name, is a denial.

It is a courtesy to the agent, not a fence: what leaves the pod is judged by the router whether it is asked or not.

    governance = Governance()

    @governance.guard(lambda path: {"kind": "exec", "program": "/usr/bin/wc", "argv": [path]})
    def count(path): ...
"""

import functools
import inspect
import json
import re
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple

__all__ = ["Access", "ActionRefused", "Decision", "Governance"]

#: As the router takes it: `{"kind": "exec", "program": "/usr/bin/git", "argv": ["status"]}`. What is left out is missing:
#: no allow rule that asks for it matches, and every deny rule that asks for it does.
Action = Mapping[str, Any]

_REFUSALS = ("deny", "require_approval", "rate_limit")
_STATES = ("pending", "approved", "denied", "expired", "revoked", "used", "withdrawn")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
#: Seconds that the router waits at most.
_MOST_WAIT = 300
_MOST_OCTETS = 4 * 1024 * 1024


@dataclass(frozen=True)
class Decision:
    """`allowed` is the only word that counts; all else says why, or what comes with it."""

    #: allow, deny, require_approval or rate_limit.
    decision: str
    #: For `report`; None: the router said nothing that counts.
    id: Optional[str] = None
    #: The router's word, or one that begins with `client/`; None: allowed.
    reason: Optional[str] = None
    rule: Optional[str] = None
    message: Optional[str] = None
    #: Milliseconds after which the same may be asked again.
    retry_after_ms: Optional[float] = None
    #: An operator could allow it: see `ask`.
    askable: bool = False
    policy: Optional[Dict[str, Any]] = None
    #: redact: RFC 6901 pointers into the arguments; limit: None or {"result_bytes": n}; log: digest or full.
    obligations: Dict[str, Any] = field(default_factory=dict)
    #: The approval it rests on.
    approval: Optional[str] = None
    #: Allowed only because the policy observes: what it would have been.
    observed: Optional[str] = None

    @property
    def allowed(self) -> bool:
        return self.decision == "allow"

    def __bool__(self) -> bool:
        return self.allowed


@dataclass(frozen=True)
class Access:
    """How a request for access stands."""

    #: pending, approved, denied, expired, revoked, used, withdrawn; not_needed: it is allowed as it is; refused: it cannot
    #: be asked for, or the router did not say.
    state: str
    id: Optional[str] = None
    message: Optional[str] = None


class ActionRefused(Exception):
    """An action that was not done."""

    def __init__(self, decision: Decision) -> None:
        super().__init__(decision.message or "refused: %s" % decision.reason)
        self.decision = decision


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Whoever is asked must answer itself."""

    def redirect_request(self, *_: Any) -> None:
        return None


class Governance:
    def __init__(self, url: str = "http://127.0.0.1:18084", timeout: float = 5.0) -> None:
        """`url`: of the agent API. `timeout`: seconds until a question without its whole answer is a denial."""
        self._url = url.rstrip("/")
        self._timeout = timeout
        # The router is asked itself, whatever proxy the environment names.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect())

    def evaluate(self, action: Action) -> Decision:
        failed, status, value = self._send("POST", "/governance/v1/evaluate", {"action": action})
        return _denied(failed) if failed else _decision(value, status)

    def evaluate_all(self, actions: Sequence[Action]) -> List[Decision]:
        """One decision for each action, in their order; at most 100 actions, of more all are refused."""
        if not actions:
            return []
        failed, status, value = self._send("POST", "/governance/v1/evaluate", {"actions": list(actions)})
        if failed:
            return [_denied(failed) for _ in actions]
        found = value.get("decisions") if isinstance(value, dict) else None
        if status != 200 or not isinstance(found, list) or len(found) != len(actions):
            whole = _decision(value, status)
            return [_denied("client/bad_answer") if whole.allowed else whole for _ in actions]
        return [_decision(one, 200) for one in found]

    def report(self, id: str, result: str, bytes: int = 0) -> bool:
        """Tells how an allowed action ended, `succeeded` or `failed`; False: the router did not take it."""
        body = {"id": id, "result": result, "bytes": bytes}
        failed, status, value = self._send("POST", "/governance/v1/report", body)
        return not failed and status == 200 and isinstance(value, dict) and value.get("id") == id

    def ask(self, action: Action, reason: str) -> Access:
        """Asks for access to exactly this action; `reason`: for the person who decides."""
        return _access(*self._send("POST", "/governance/v1/requests", {"action": action, "reason": reason}))

    def wait(self, id: str, seconds: float) -> Access:
        """How a request for access stands, waiting at most `seconds` (300 at most) for an answer.

        `approved` is no leave yet: evaluate the same action again, which uses the approval.
        """
        if not isinstance(id, str) or _ID.fullmatch(id) is None:
            return Access("refused", message="client/bad_action")
        whole = min(_MOST_WAIT, max(0, int(seconds)))
        path = "/governance/v1/requests/%s?wait=%d" % (id, whole)
        return _access(*self._send("GET", path, None, whole + self._timeout))

    def guarded(self, action: Action, act: Callable[[Decision], Any]) -> Any:
        """Does it only where it is allowed, and reports how it ended.

        Raises `ActionRefused` where it is not, and what `act` raises. `act` is given the decision, whose obligations are
        its to fulfil.
        """
        decision = self.evaluate(action)
        if not decision.allowed:
            raise ActionRefused(decision)
        try:
            value = act(decision)
        except BaseException:
            self.report(decision.id or "", "failed")
            raise
        self.report(decision.id or "", "succeeded")
        return value

    def guard(self, action_of: Callable[..., Action]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """The same as a decorator; `action_of` makes the action of the call's arguments."""

        def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
            if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
                raise TypeError("it would be reported before it ran: call evaluate and report around the await")

            @functools.wraps(function)
            def call(*args: Any, **named: Any) -> Any:
                return self.guarded(action_of(*args, **named), lambda _: function(*args, **named))

            return call

        return decorate

    def _send(
        self, method: str, path: str, body: Any, timeout: Optional[float] = None
    ) -> Tuple[Optional[str], int, Any]:
        """(why it failed, status, value). The deadline is for all of it: a peer that drips is late too."""
        limit = self._timeout if timeout is None else timeout
        try:
            data = None if body is None else json.dumps(body, allow_nan=False).encode("utf-8")
        except (TypeError, ValueError, RecursionError):
            return "client/bad_action", 0, None
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        found: List[Tuple[Optional[str], int, Any]] = []

        def exchange() -> None:
            try:
                request = urllib.request.Request(self._url + path, data=data, headers=headers, method=method)
                found.append(self._read(request, limit))
            except Exception:  # Whatever it is, nothing was allowed.
                found.append(("client/unreachable", 0, None))

        thread = threading.Thread(target=exchange, daemon=True)
        thread.start()
        thread.join(limit)
        return found[0] if found else ("client/timeout", 0, None)

    def _read(self, request: urllib.request.Request, limit: float) -> Tuple[Optional[str], int, Any]:
        try:
            response = self._opener.open(request, timeout=limit)
        except urllib.error.HTTPError as error:
            response = error
        with response:
            status = int(response.getcode() or 0)
            kind = response.headers.get_content_type() if response.headers.get("Content-Type") else ""
            text = response.read(_MOST_OCTETS + 1)
            length = response.headers.get("Content-Length", "")
        if length.isdigit() and int(length) > len(text) <= _MOST_OCTETS:
            return "client/unreachable", status, None  # It was cut, which reading does not tell.
        if kind != "application/json" or len(text) > _MOST_OCTETS:
            return ("client/bad_answer" if status == 200 else "client/bad_status"), status, None
        try:
            return None, status, json.loads(text.decode("utf-8"))
        except (ValueError, RecursionError):
            return "client/bad_answer", status, None


def _decision(value: Any, status: int) -> Decision:
    """A decision counts only with every member it must have; an allow counts only with status 200."""
    if not isinstance(value, dict):
        return _denied("client/bad_answer")
    error = value.get("error")
    if isinstance(error, dict):  # A whole request that was refused.
        return _refused("deny", dict(error, reason=error.get("code"), id=error.get("request_id")))
    if status != 200:
        return _denied("client/bad_status")
    decision = value.get("decision")
    if isinstance(decision, str) and decision in _REFUSALS:
        return _refused(decision, value)
    id, rule, policy = value.get("id"), value.get("rule"), value.get("policy")
    is_whole = (
        decision == "allow"
        and isinstance(id, str)
        and _ID.fullmatch(id) is not None
        and "rule" in value
        and (rule is None or isinstance(rule, str))
        and "policy" in value
        and (policy is None or _is_policy(policy))
        and _is_obligations(value.get("obligations"))
    )
    if not is_whole:
        return _denied("client/bad_answer")
    return Decision(
        decision="allow",
        id=id,
        rule=rule,
        policy=policy,
        obligations=value["obligations"],
        approval=_text(value.get("approval")),
        observed=_text(value.get("observed")),
    )


def _refused(decision: str, value: Mapping[str, Any]) -> Decision:
    wait = value.get("retry_after_ms")
    return Decision(
        decision=decision,
        id=_text(value.get("id")),
        reason=_text(value.get("reason")) or "client/bad_answer",
        rule=_text(value.get("rule")),
        message=_text(value.get("message")),
        retry_after_ms=wait if _is_number(wait) else None,
        askable=value.get("how_to_request") is not None,
    )


def _denied(reason: Optional[str]) -> Decision:
    return Decision(decision="deny", reason=reason)


def _access(failed: Optional[str], status: int, value: Any) -> Access:
    if failed or not isinstance(value, dict):
        return Access("refused", message=failed or "client/bad_answer")
    id, state, error = value.get("id"), value.get("state"), value.get("error")
    if status == 200 and state == "not_needed":
        return Access("not_needed")
    if 200 <= status < 300 and error is None and isinstance(id, str) and isinstance(state, str) and state in _STATES:
        return Access(state, id=id)
    message = _text(error.get("message")) if isinstance(error, dict) else None
    return Access("refused", message=message or "client/bad_answer")


def _is_obligations(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    redact, limit = value.get("redact"), value.get("limit")
    return (
        isinstance(redact, list)
        and all(isinstance(one, str) for one in redact)
        and "limit" in value
        and (limit is None or (isinstance(limit, dict) and _is_number(limit.get("result_bytes"))))
        and value.get("log") in ("digest", "full")
    )


def _is_policy(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    return isinstance(value.get("name"), str) and _is_number(value.get("version")) and isinstance(value.get("digest"), str)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _text(value: Any) -> Optional[str]:
    return value if isinstance(value, str) else None
