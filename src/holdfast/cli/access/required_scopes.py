"""
The scopes that a token needs for each command. A test runs each command with exactly these, and without each in turn.
"""

VIEW = "apim:api_view"
CHANGE = "apim:api_create"
PUBLISH = "apim:api_publish"
DELETE = "apim:api_delete"
VIEW_CERTIFICATES = "apim:ep_certificates_view"
ADD_CERTIFICATES = "apim:ep_certificates_add"
CHANGE_CERTIFICATES = "apim:ep_certificates_update"
TEST = "holdfast:endpoint_test"
TRUST = "holdfast:trust_settings"
EXCEPT = "holdfast:trust_exceptions"
IDENTITIES = "holdfast:client_certificates"
GATEWAYS = "holdfast:gateways"
NOTIFICATIONS = "holdfast:notifications"
OWNERS = "holdfast:owners"
AUDIT = "holdfast:audit"
USERS = "holdfast:users"
ORGANIZATIONS = "holdfast:organizations"

# The order is that of the reference page.
SCOPES: dict[str, tuple[str, ...]] = {
    "status": (VIEW,),
    "api list": (VIEW,),
    "api create": (CHANGE,),
    "api show": (VIEW,),
    "api set": (VIEW, CHANGE),
    "api definition": (VIEW,),
    "api publish": (VIEW, PUBLISH),
    "api deprecate": (VIEW, PUBLISH),
    "api retire": (VIEW, PUBLISH),
    "api demote": (VIEW, PUBLISH),
    "api block": (VIEW, PUBLISH),
    "api republish": (VIEW, PUBLISH),
    "api prototype": (VIEW, PUBLISH),
    "api delete": (VIEW, DELETE),
    "api traffic": (VIEW,),
    "revision list": (VIEW,),
    "revision create": (VIEW, CHANGE),
    "revision deploy": (VIEW, CHANGE),
    "revision undeploy": (VIEW, CHANGE),
    "revision restore": (VIEW, CHANGE),
    "revision delete": (VIEW, CHANGE),
    "certificate list": (VIEW,),
    "certificate show": (VIEW_CERTIFICATES,),
    "certificate add": (VIEW_CERTIFICATES, ADD_CERTIFICATES),
    "certificate replace": (VIEW_CERTIFICATES, CHANGE_CERTIFICATES),
    "certificate pin": (VIEW_CERTIFICATES, TRUST),
    "certificate unpin": (VIEW_CERTIFICATES, TRUST),
    "certificate undo": (VIEW_CERTIFICATES, CHANGE_CERTIFICATES),
    "certificate retire": (VIEW_CERTIFICATES, CHANGE_CERTIFICATES),
    "certificate delete": (VIEW_CERTIFICATES, CHANGE_CERTIFICATES),
    "certificate download": (VIEW_CERTIFICATES,),
    "trust show": (VIEW,),
    "trust set": (VIEW, TRUST),
    "trust exceptions": (VIEW,),
    "trust except": (VIEW, EXCEPT),
    "trust verify": (VIEW, TRUST),
    "endpoint test": (TEST,),
    "endpoint set": (VIEW, CHANGE),
    "endpoint status": (VIEW,),
    "endpoint history": (VIEW,),
    "label list": (VIEW,),
    "label set": (VIEW, CHANGE),
    "diff": (VIEW,),
    "apply": (VIEW, CHANGE, PUBLISH, DELETE, TRUST),
    "export": (VIEW,),
    "gateway list": (VIEW, GATEWAYS),
    "gateway show": (VIEW, GATEWAYS),
    "gateway enroll": (GATEWAYS,),
    "gateway revoke": (VIEW, GATEWAYS),
    "gateway-group list": (GATEWAYS,),
    "gateway-group show": (GATEWAYS,),
    "gateway-group create": (GATEWAYS,),
    "gateway-group set": (GATEWAYS,),
    "gateway-group delete": (GATEWAYS,),
    "notification list": (NOTIFICATIONS,),
    "notification create": (NOTIFICATIONS,),
    "notification set": (NOTIFICATIONS,),
    "notification show": (NOTIFICATIONS,),
    "notification test": (NOTIFICATIONS,),
    "notification delete": (NOTIFICATIONS,),
    "notification sent": (NOTIFICATIONS,),
    "notification silences": (NOTIFICATIONS,),
    "notification silence": (NOTIFICATIONS,),
    "notification unsilence": (NOTIFICATIONS,),
    "notification owners": (VIEW, OWNERS),
    "organization list": (ORGANIZATIONS,),
    "organization create": (ORGANIZATIONS,),
    "audit list": (AUDIT,),
    "audit export": (AUDIT,),
    "audit verify": (AUDIT,),
    "user list": (USERS,),
    "user create": (USERS,),
    "user show": (USERS,),
    "user change": (USERS,),
    "user password": (USERS,),
    "user delete": (USERS,),
}
