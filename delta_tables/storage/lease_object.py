"""The object that a lease is: who holds it, as the store has it; read, written by condition, removed."""

import json
import secrets as random
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Literal

from botocore.exceptions import BotoCoreError, ClientError

from delta_tables.storage.lake import Lake, LakeError
from delta_tables.storage.object_store import bucket_and_key, is_taken, store_client

Right = Literal["build", "spark-driver"]
_NOT_FOUND = 404
_TIMEOUT_SECONDS = 5.0  # with one repeat about as long as the 20 s between two renewals
_ATTEMPTS = 2


@dataclass(frozen=True)
class Claim:
    """Who asks: `place` is where it runs, if at most one such holder can run there; empty: anywhere.

    `seconds` is for how long after a renewal nobody else may follow; 0 where it is not known.
    """

    claim_id: str
    holder: str
    place: str
    seconds: float


@dataclass(frozen=True)
class Held:
    """The lease as it is stored, with its age by the store's clock."""

    etag: str
    claim: Claim
    age_seconds: float


class LeaseObject:
    """The lease `name` of a lake in a bucket; where the store cannot be asked methods raise LakeError."""

    def __init__(self, lake: Lake, name: Right) -> None:
        self.lake, self.name = lake, name
        self._client = store_client(lake, timeout_seconds=_TIMEOUT_SECONDS, attempts=_ATTEMPTS)
        bucket, key = bucket_and_key(lake, f"_lease/{name}.json")
        self._at = {"Bucket": bucket, "Key": key}

    def read(self) -> Held | None:
        """The lease as it is held now; None where nobody holds it."""
        try:
            answer = self._client.get_object(**self._at)
            body = answer["Body"].read()
        except (ClientError, BotoCoreError) as error:
            if _is_missing(error):
                return None
            raise self._away(error) from None
        # both instants are the store's: our clock may be wrong
        now = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
        if now is None:
            raise LakeError(f"{self.lake.root}: the store's answers have no Date: a lease has no age there")
        age = parsedate_to_datetime(now) - answer["LastModified"]
        return Held(answer["ETag"], _claim_of(body), age.total_seconds())

    def write(self, claim: Claim, over: Held | None) -> Held | None:
        """The lease with this claim, put in the place of `over`; None where another is there by now."""
        condition = {"IfMatch": over.etag} if over else {"IfNoneMatch": "*"}
        try:
            answer = self._client.put_object(**self._at, Body=_body(claim), **condition)
        except (ClientError, BotoCoreError) as error:
            if not (_is_missing(error) or (isinstance(error, ClientError) and is_taken(error))):
                raise self._away(error) from None
        else:
            return Held(answer["ETag"], claim, 0.0)
        # an earlier attempt may have arrived though its answer did not: then our own object refuses the next
        held = self.read()
        return held if held and held.claim.claim_id == claim.claim_id else None

    def delete(self) -> None:
        """Removes the object."""
        try:
            self._client.delete_object(**self._at)
        except (ClientError, BotoCoreError) as error:
            raise self._away(error) from None

    def _away(self, error: Exception) -> LakeError:
        return LakeError(
            f"{self.lake.root}: the store cannot be asked who may write ({error}); check its address and "
            "keys and that it runs, then run again"
        )


def _is_missing(error: Exception) -> bool:
    return (
        isinstance(error, ClientError) and error.response["ResponseMetadata"]["HTTPStatusCode"] == _NOT_FOUND
    )


def _body(claim: Claim) -> bytes:
    """Never twice the same, so that each renewal has an ETag of its own."""
    return json.dumps({**vars(claim), "renewal": random.token_hex(8)}).encode()


def _claim_of(body: bytes) -> Claim:
    """What the stored object says; as much as can be read of one that none of us wrote."""
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    said: dict[str, Any] = found if isinstance(found, dict) else {}
    seconds = said.get("seconds")
    return Claim(
        str(said.get("claim_id", "")),
        str(said.get("holder") or "somebody unknown"),
        str(said.get("place", "")),
        float(seconds) if isinstance(seconds, int | float) else 0.0,
    )
