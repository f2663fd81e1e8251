"""Queries for users, sessions, tokens and views."""

from dataclasses import replace

from holdfast.store.access import accounts, saved_views, tokens
from holdfast.store.access.saved_views import SavedView
from holdfast.store.access.tokens import Kind
from store.organizations.rows import LATER, NOW

READS = {
    accounts.get_user: lambda session, org, pair: [accounts.get_user(session, org, own.user.name) for own in pair],
    accounts.find_users: lambda session, org, _: accounts.find_users(session, org)[0],
    accounts.count_users: lambda session, org, _: [org] * accounts.count_users(session, org),
    accounts.has_password_user: lambda session, org, _: [org] * accounts.has_password_user(session, org, "admin"),
    accounts.list_sessions: lambda session, org, pair: [
        browser for own in pair for browser in accounts.list_sessions(session, replace(own.user, organization=org), NOW)
    ],
    saved_views.list_of_page: lambda session, org, pair: [
        own.name
        for own in pair
        if saved_views.list_of_page(session, replace(own.user, organization=org), "certificates")
    ],
    tokens.get_newest_of_kind: lambda session, org, pair: [
        tokens.get_newest_of_kind(session, replace(own.user, organization=org), Kind.PERSONAL, NOW) for own in pair
    ],
    tokens.list_personal_tokens: lambda session, org, pair: [
        token
        for own in pair
        for token in tokens.list_personal_tokens(session, replace(own.user, organization=org), NOW)
    ],
}
WRITES = {
    accounts.insert_user: lambda session, org, own: accounts.insert_user(
        session, replace(own.user, organization=org, id="new", name="new"), NOW
    ),
    accounts.insert_session: lambda session, org, own: accounts.insert_session(
        session, "new", replace(own.user, organization=org), NOW, LATER
    ),
    accounts.set_password_hash: lambda session, org, own: accounts.set_password_hash(
        session, replace(own.user, organization=org), "stolen"
    ),
    accounts.update_user: lambda session, org, own: accounts.update_user(
        session, replace(own.user, organization=org, disabled=True)
    ),
    accounts.remove_user: lambda session, org, own: accounts.remove_user(session, replace(own.user, organization=org)),
    accounts.keep_newest_sessions: lambda session, org, own: accounts.keep_newest_sessions(
        session, replace(own.user, organization=org), 0
    ),
    accounts.remove_session_of: lambda session, org, own: accounts.remove_session_of(
        session, replace(own.user, organization=org), f"session of {own.user.name}"
    ),
    accounts.remove_other_sessions: lambda session, org, own: accounts.remove_other_sessions(
        session, replace(own.user, organization=org), ""
    ),
    accounts.end_sessions: lambda session, org, own: accounts.end_sessions(
        session, replace(own.user, organization=org)
    ),
    saved_views.save: lambda session, org, own: saved_views.save(
        session, replace(own.user, organization=org), "certificates", SavedView("Soon", "stolen")
    ),
    saved_views.remove: lambda session, org, own: saved_views.remove(
        session, replace(own.user, organization=org), "certificates", "Soon"
    ),
    tokens.insert_token: lambda session, org, own: tokens.insert_token(
        session, replace(own.token, organization=org, id="new"), "new", NOW
    ),
    tokens.mark_used: lambda session, org, own: tokens.mark_used(session, replace(own.token, organization=org), NOW),
    tokens.remove_grant: lambda session, org, own: tokens.remove_grant(session, replace(own.token, organization=org)),
    tokens.remove_tokens: lambda session, org, own: tokens.remove_tokens(
        session, replace(own.user, organization=org), tuple(Kind)
    ),
    tokens.keep_newest_tokens: lambda session, org, own: tokens.keep_newest_tokens(
        session, replace(own.user, organization=org), Kind.PERSONAL, 0
    ),
    tokens.insert_application: lambda session, org, own: tokens.insert_application(
        session, replace(own.application, organization=org, id="new"), NOW
    ),
    tokens.mark_application_used: lambda session, org, own: tokens.mark_application_used(
        session, replace(own.application, organization=org), LATER
    ),
    tokens.keep_latest_applications: lambda session, org, own: tokens.keep_latest_applications(
        session, replace(own.user, organization=org), 0
    ),
    tokens.remove_applications: lambda session, org, own: tokens.remove_applications(
        session, replace(own.user, organization=org)
    ),
}
FOR_ALL = {
    accounts.list_organizations,
    accounts.insert_organization,
    # Names of users, identities at the provider, and secrets are unique, and tell which organization it is.
    accounts.get_user_by_subject,
    accounts.get_user_by_name,
    accounts.get_session_user,
    accounts.get_session,
    accounts.mark_seen,
    accounts.remove_session,
    tokens.get_token,
    tokens.get_owner,
    tokens.get_application,
}
