"""How does the one page that takes long lists read its form? Without the limits that hold for all others.

Fields come to memory and the file to disk, at most `most_bytes` of all together. Nothing is parsed before the
view has made sure who is asking: it puts this handler in place, and only then looks at the form.
"""

from tempfile import SpooledTemporaryFile
from typing import Any

from django.core.exceptions import SuspiciousOperation
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler
from django.http import HttpRequest, QueryDict
from django.http.multipartparser import FIELD, FILE, ChunkIter, LazyStream, Parser
from django.utils.datastructures import MultiValueDict
from django.utils.encoding import force_str

Files = MultiValueDict[str, Any]

MOST_PARTS = 20
IN_MEMORY = 262_144


class LargeForm(FileUploadHandler):
    """Replaces the parsing of one request's body."""

    def __init__(self, request: HttpRequest, most_bytes: int) -> None:
        super().__init__(request)
        self._most_bytes = most_bytes

    def handle_raw_input(
        self,
        input_data: Any,
        META: Any,  # noqa: ARG002, N803 - as Django calls it
        content_length: int,
        boundary: str | bytes,
        encoding: str | None = None,
    ) -> tuple[QueryDict, Files]:
        if content_length > self._most_bytes:
            raise SuspiciousOperation("The list is too large.")
        mark = boundary if isinstance(boundary, bytes) else boundary.encode("ascii")
        fields, files = QueryDict(mutable=True, encoding=encoding), Files()
        parts = Parser(LazyStream(ChunkIter(input_data, 65_536)), mark)
        for count, (kind, headers, stream) in enumerate(parts):
            if count > MOST_PARTS:
                raise SuspiciousOperation("The form has too many parts.")
            disposition = headers.get("content-disposition")
            name = force_str(disposition[1].get("name", ""), errors="replace") if disposition else ""
            if kind == FIELD:
                # UTF-8 is what the page is written in, and so what its form is sent in.
                fields.appendlist(name, stream.read().decode("utf-8", errors="replace"))
            elif kind == FILE:
                _add_file(files, name, stream)
        return fields, files

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:
        raise NotImplementedError("The form was read whole.")

    def file_complete(self, file_size: int) -> Any:
        raise NotImplementedError("The form was read whole.")


def _add_file(files: Files, name: str, stream: Any) -> None:
    """Its name is of no use to us, and nobody else's business."""
    kept = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - closed with the request
    size = 0
    for chunk in stream:
        size += kept.write(chunk)
    kept.seek(0)
    if size:
        files.appendlist(name, UploadedFile(file=kept, name="list", size=size))
