"""Content as a file, never shown in the page's own origin. It must not know who may have it."""

from django.http import HttpResponse

from .contract import JSON, Refused

ENDINGS = {"application/pdf": ".pdf", JSON: ".json", "text/csv": ".csv", "image/png": ".png"}


def download(page, service):
    """A response with the service's content on the page as an attachment; none where there is nothing to give."""
    for entry in page.entries:
        if entry.service != service:
            continue
        try:
            body = entry.envelope.body()
        except Refused:
            return None
        response = HttpResponse(body, content_type="application/octet-stream")
        name = service + ENDINGS.get(entry.envelope.content_type, ".bin")
        if entry.envelope.content_type == "application/pdf":
            response["Content-Type"] = "application/pdf"
        response["Content-Disposition"] = 'attachment; filename="%s"' % name
        response["X-Content-Type-Options"] = "nosniff"
        response["Content-Security-Policy"] = "sandbox; default-src 'none'"
        response["Cache-Control"] = "private, no-store"
        return response
    return None
