"""
The next step if an object isn't found, by its kind: mostly, how to list those that exist.
"""

from holdfast.services.errors import NotFound

# The command, if there is one, and the path of the operation that list all objects of a kind.
_LISTS = {
    "API": ("api list", "/apis"),
    "client certificate": ("", "/apis/{apiId}/client-certificates"),
    "deployment": ("revision list", "/apis/{apiId}/deployments"),
    "document": ("", "/apis/{apiId}/documents"),
    "endpoint certificate": ("certificate list", "/endpoint-certificates"),
    "endpoint certificate with this fingerprint and the alias": ("certificate list", "/endpoint-certificates"),
    "failed request": ("", "/failures"),
    "failure": ("", "/failures"),
    "gateway": ("gateway list", "/gateways"),
    "group": ("gateway-group list", "/gateways/groups"),
    "notification channel": ("notification list", "/notification-channels"),
    "removed certificate": ("", "/removed-endpoint-certificates"),
    "revision": ("revision list", "/apis/{apiId}/revisions"),
    "session": ("", "/account/sessions"),
    "silence": ("notification silences", "/silences"),
    "token": ("token list", "/tokens"),
    "trusted certificate with the fingerprint": ("certificate list", "/endpoint-certificates"),
    "user": ("user list", "/users"),
    "watched endpoint": ("endpoint status", "/watched-endpoints"),
}
_OTHERS = {
    "calendar feed": "Create one with `holdfast calendar create`.",
    "certificate signing request": "Create one with POST /endpoints/client-certificate/request.",
    "content of document": "Send it with POST /apis/{apiId}/documents/{documentId}/content.",
    "gateway identity": "Import one with PUT /endpoints/client-certificate.",
    "previous certificate of": "Without `previous`, you get the current one.",
    "revision of API": "Create one with `holdfast revision create` or POST /apis/{apiId}/revisions.",
    "thumbnail of API": "Send one with PUT /apis/{apiId}/thumbnail.",
    "unused trust for": "Nothing is stored for it, or an API uses it.",
}
KINDS = _LISTS.keys() | _OTHERS.keys()


def suggest_step(error: NotFound) -> str:
    """Return the sentence with the next step."""
    if error.kind not in _LISTS:
        return _OTHERS[error.kind]
    command, path = _LISTS[error.kind]
    return f"To see all, run `holdfast {command}` or send GET {path}." if command else f"To see all, send GET {path}."
