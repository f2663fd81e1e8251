"""
One alias in the life of its organization: certificates have names there.

    a = Alias(store, anna, clock)
    a.begin("old")
    a.replace("new", keep=True)
    assert a.state == ("new", "old")
"""

from acting import context_of
from holdfast.services.catalog import apis
from holdfast.services.catalog.apis import ApiDraft
from holdfast.services.trust import endpoint_certificates, removal, rotation
from holdfast.store import journal
from issuing import issue
from store.values import read

URL = "https://pizza.test:8443/base"


class Alias:
    """The alias "a" of *who*, for a separate API."""

    def __init__(self, store, who, clock):
        self.store, self.who, self.clock = store, who, clock
        self.names = {}
        apis.create_api(context_of(store, who, clock()), ApiDraft("Pizza", "/pizza", "1.0.0", URL))

    def issue(self, name, **options):
        certificate = issue("pizza.test", **options)
        self.names[read(certificate).fingerprint] = name
        return certificate.pem

    def begin(self, name, **options):
        endpoint_certificates.import_certificate(
            context_of(self.store, self.who, self.clock()), "a", URL, self.issue(name, **options)
        )

    def replace(self, name, *, keep=False, **options):
        data = self.issue(name, **options)
        endpoint_certificates.replace_certificate(
            context_of(self.store, self.who, self.clock.advance(seconds=1)), "a", data, keep=keep
        )

    def undo(self):
        return rotation.undo_replacement(context_of(self.store, self.who, self.clock.advance(seconds=1)), "a")

    def retire(self):
        return rotation.retire_previous(context_of(self.store, self.who, self.clock.advance(seconds=1)), "a")

    @property
    def entry(self):
        return endpoint_certificates.get_certificate(context_of(self.store, self.who), "a")

    def join_names(self, certificates):
        return " ".join(self.names[certificate.fingerprint] for certificate in certificates)

    @property
    def state(self):
        """The current and the previous certificates."""
        return self.join_names(self.entry.certificates), self.join_names(self.entry.previous)

    @property
    def removals(self):
        """Reason and content of removed certificates, newest first."""
        rows, _ = removal.list_removed(context_of(self.store, self.who, self.clock()))
        return [(row.why, self.join_names(row.certificates), self.join_names(row.previous)) for row in rows]

    @property
    def last_event(self):
        with self.store.read() as session:
            return journal.list_audit_events(session, self.who.organization)[-1]
