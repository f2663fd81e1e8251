"""
Texts of `/openapi.json` about the members of failed requests.
"""

FAILURE_MEMBERS = {
    "acknowledgement": "Who acknowledged the failures of the backend; null if nobody did, or it has ended.",
    "apiName": "The name of the API.",
    "apiVersion": "The version of the API.",
    "examinedTime": "When Holdfast last probed the backend; null if it hasn't yet.",
    "flags": "Envoy's response flags.",
    "last": "When it last failed.",
    "requestId": "The request ID that the caller got.",
    "traceId": "The request's trace, which the collector has if it was sampled; null if the gateway sends none.",
    "since": "When it first failed.",
    "startedTime": "Since when this process records failures.",
    "Acknowledgement.time": "When the failures were acknowledged.",
    "times": "How often it failed.",
    "Acknowledgement.until": "When the acknowledgement ends, unless the backend fails in another way first.",
    "upstream": "The IP address and port of the backend; empty if none was chosen.",
    "Acknowledgement.user": "The user who acknowledged the failures.",
}
