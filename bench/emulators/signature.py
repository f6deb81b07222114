"""A signed request in, whether its signature is right out: version 4 of Amazon's scheme."""

from __future__ import annotations

import hashlib
import hmac
import re
from urllib.parse import quote

from bench.emulators.serving import Request

ALGORITHM = "AWS4-HMAC-SHA256"
_AUTHORIZATION = re.compile(
    rf"{ALGORITHM} Credential=(?P<id>[^/]+)/(?P<scope>[^,]+),"
    r"\s*SignedHeaders=(?P<names>[^,]+),\s*Signature=(?P<signature>[0-9a-f]{64})"
)


def signer(request: Request) -> str:
    """The id of the key that a request says it is signed with, "" when it is not signed."""
    found = _AUTHORIZATION.fullmatch(request.headers.get("authorization", ""))
    return found["id"] if found else ""


def signed_with(request: Request, secret: str) -> bool:
    """Whether a request bears the signature that this secret gives it."""
    found = _AUTHORIZATION.fullmatch(request.headers.get("authorization", ""))
    if found is None:
        return False
    names = found["names"].split(";")
    told = [f"{name}:{' '.join(request.headers.get(name, '').split())}\n" for name in names]
    query = "&".join(
        f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}"
        for name, value in sorted(request.query.items())
    )
    body = hashlib.sha256(request.body).hexdigest()
    canonical = "\n".join(
        [request.method, request.path, query, "".join(told), found["names"], body]
    )
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    date = request.headers.get("x-amz-date", "")
    text = "\n".join([ALGORITHM, date, found["scope"], digest])
    key = f"AWS4{secret}".encode()
    for part in found["scope"].split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    right = hmac.new(key, text.encode(), "sha256").hexdigest()
    return hmac.compare_digest(right, found["signature"])
