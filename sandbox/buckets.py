"""When does a stack's bucket refuse to go?"""

import html
import re
from typing import Any

from ministack.services import s3
from ministack.services.cloudformation import provisioners

from sandbox import callers
from sandbox.events import Record


def _delete(original: Any) -> Any:
    def delete(physical_id: str, props: Record) -> None:
        if physical_id in s3._buckets:
            status, _, answer = s3._delete_bucket(physical_id)
            if status >= 400:
                found = re.search(r"<Message>(.*?)</Message>", answer.decode(), re.DOTALL)
                message = html.unescape(found[1]) if found else "The bucket could not be deleted"
                raise ValueError(callers.from_handler(message, "s3", status, "GeneralServiceException"))
        original(physical_id, props)

    return delete


def install() -> None:
    """ministack's handler forgets the bucket with all its objects; S3 itself is asked first."""
    handler = provisioners._RESOURCE_HANDLERS["AWS::S3::Bucket"]
    handler["delete"] = _delete(handler["delete"])
