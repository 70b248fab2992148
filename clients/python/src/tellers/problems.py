"""What goes wrong: the problems that the service answers with (RFC 9457), and having no answer at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

JOB_CONFLICT = "/problems/conflict"
TOO_LATE = "/problems/too-late"


class TellersError(Exception):
    """Everything that this package raises, but for mistakes in arguments (`TypeError`, `ValueError`)."""


@dataclass(frozen=True)
class FieldError:
    """A field that is wrong."""

    field: str
    """Its path, such as `legs[1].amount`."""
    value: str
    """Its value as JSON, shortened; empty where it is absent."""
    remedy: str
    """What it should hold."""


class Problem(TellersError):
    """The service refused a request, or one line of a batch."""

    type: str
    """A stable relative URI, such as `/problems/invalid-job`: decide by it. `about:blank`: a proxy answered."""
    title: str
    status: int
    """The HTTP status."""
    detail: str
    """What is wrong, and what to do: for people."""
    errors: tuple[FieldError, ...]
    """The fields that are wrong."""
    request_id: str | None
    """What the logs of the service call the request."""
    retry_after: float | None
    """Seconds after which the same may work."""

    def __init__(
        self,
        *,
        type: str,  # noqa: A002 - the name in RFC 9457
        title: str,
        status: int,
        detail: str,
        errors: tuple[FieldError, ...] = (),
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(f"{status} {type}: {detail}" + (f" (request {request_id})" if request_id else ""))
        self.type = type
        self.title = title
        self.status = status
        self.detail = detail
        self.errors = errors
        self.request_id = request_id
        self.retry_after = retry_after

    @property
    def is_passing(self) -> bool:
        """Whether the same request may work later."""
        return self.status in PASSING_STATUSES

    @staticmethod
    def of(document: Mapping[str, object], **beside: object) -> Problem:
        """Read a problem document; `beside`: what the head of the answer says."""
        status = document.get("status")
        status = status if isinstance(status, int) else 500
        kind = str(document.get("type", "about:blank"))
        listed = document.get("errors")
        errors = tuple(
            FieldError(*(str(error.get(name, "")) for name in ("field", "value", "remedy")))
            for error in (listed if isinstance(listed, list) else [])
            if isinstance(error, Mapping)
        )
        request_id, retry_after = beside.get("request_id"), beside.get("retry_after")
        return _class_of(status, kind)(
            type=kind,
            title=str(document.get("title", "")),
            status=status,
            detail=str(document.get("detail", "")),
            errors=errors,
            request_id=request_id if isinstance(request_id, str) else None,
            retry_after=retry_after if isinstance(retry_after, float) else None,
        )


class Unauthorized(Problem):
    """401: no key came, or one that nobody has."""


class Forbidden(Problem):
    """403: the key does not allow it, or is not for the account."""


class NotFound(Problem):
    """404: it is not there, or is another client's."""


class Invalid(Problem):
    """400 or 422: what was sent is no job, batch, file or query; `errors` names the fields."""


class Conflict(Invalid):
    """422: the reference or key belongs to a job with another body, and this one takes no effect."""


class TooLate(Problem):
    """409: the job has its outcome already, and was not cancelled; `detail` says which."""


class TooMany(Problem):
    """429: more than this client, or this lane, may have at once."""


class Unavailable(Problem):
    """502, 503 or 504: the service cannot do it at the moment."""


class Unreachable(TellersError):
    """No answer came. Whether a job arrived is not known: submit it again under the same reference or key."""

    idempotency_key: str | None = None
    """The key that the job was sent with; None where it has a reference."""


class UnexpectedAnswer(TellersError):
    """The answer is none that the service gives; most likely another service answers at this URL."""


class WaitTimeout(TellersError, TimeoutError):
    """There is no outcome within the time. The job or import goes on."""


class NotVerified(TellersError):
    """A webhook is not of the fleet, or of another time. Do nothing of what it says."""


class JournalMismatch(TellersError):
    """The jobs, or the fleet, are not those that the journal is about. Nothing was sent."""


PASSING_STATUSES = frozenset({429, 502, 503, 504})

_CLASSES: Mapping[int, type[Problem]] = {
    400: Invalid,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    422: Invalid,
    429: TooMany,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
}


def _class_of(status: int, kind: str) -> type[Problem]:
    named = {JOB_CONFLICT: Conflict, TOO_LATE: TooLate}
    return named.get(kind) or _CLASSES.get(status, Problem)
