"""Are pages compressed so that they come out as they were, and so that their length gives nothing away?"""

import gzip

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse

from onboarding.middleware.compression import MOST_RANDOM_BYTES, smaller

PAGE = b"<p>the same words again and again</p>" * 50


def compressed(answer: HttpResponse, takes: str = "gzip, br") -> HttpResponse:
    request = HttpRequest()
    request.META["HTTP_ACCEPT_ENCODING"] = takes
    got = smaller(request, answer)
    assert isinstance(got, HttpResponse)
    return got


def test_a_page_comes_out_as_it_was() -> None:
    answer = compressed(HttpResponse(PAGE, headers={"ETag": '"a"'}))
    assert gzip.decompress(answer.content) == PAGE
    assert len(answer.content) < len(PAGE) / 3
    assert answer["Content-Length"] == str(len(answer.content))
    assert (answer["Content-Encoding"], answer["Vary"], answer["ETag"]) == (
        "gzip",
        "Accept-Encoding",
        'W/"a"',
    )


def test_the_same_page_has_many_lengths() -> None:
    lengths = {len(compressed(HttpResponse(PAGE)).content) for _again in range(400)}
    assert len(lengths) > MOST_RANDOM_BYTES / 2
    assert max(lengths) - min(lengths) < MOST_RANDOM_BYTES


def test_who_does_not_take_it_and_what_is_small_or_compressed_already_is_left_alone() -> None:
    assert compressed(HttpResponse(PAGE), takes="br").content == PAGE
    assert compressed(HttpResponse(PAGE), takes="br")["Vary"] == "Accept-Encoding"
    assert compressed(HttpResponse(b"short")).content == b"short"
    assert compressed(HttpResponse(PAGE, headers={"Content-Encoding": "br"})).content == PAGE
    streamed = StreamingHttpResponse([PAGE])
    assert smaller(HttpRequest(), streamed) is streamed
    assert not streamed.has_header("Content-Encoding")
