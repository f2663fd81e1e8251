"""
The gateway's agent: it follows a control plane, supervises one Envoy, and keeps serving when everything else is gone.
"""
