"""
Organizations, users, sessions, applications, tokens, and failed attempts to sign in.
"""

from datetime import datetime

from sqlalchemy import Boolean, ForeignKey, Index, false, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from holdfast.store.tables.columns import Table


class OrganizationRow(Table):
    """A tenant."""

    __tablename__ = "organization"
    id: Mapped[str] = mapped_column(primary_key=True)
    created_at: Mapped[datetime]


class UserRow(Table):
    """A user, a person or a script, who can sign in."""

    __tablename__ = "user_account"
    id: Mapped[str] = mapped_column(primary_key=True)
    organization_id: Mapped[str] = mapped_column(ForeignKey("organization.id"))
    name: Mapped[str] = mapped_column(unique=True)
    password_hash: Mapped[str]
    roles: Mapped[list[str]] = mapped_column(server_default="[]")
    disabled: Mapped[bool] = mapped_column(Boolean, server_default=false())
    issuer: Mapped[str | None]  # of the identity provider through which the user signs in, without a password
    subject: Mapped[str | None]
    confirmed_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    signed_in_at: Mapped[datetime | None]  # NULL: never, or before this was recorded
    __table_args__ = (Index("user_by_identity", "issuer", "subject", unique=True),)


class SessionRow(Table):
    """A signed-in browser; only the hash of its token is kept."""

    __tablename__ = "session"
    token_hash: Mapped[str] = mapped_column(primary_key=True)
    organization_id: Mapped[str] = mapped_column(ForeignKey("organization.id"))
    user_id: Mapped[str] = mapped_column(ForeignKey("user_account.id", ondelete="CASCADE"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    address: Mapped[str] = mapped_column(server_default=text("''"))
    agent: Mapped[str] = mapped_column(server_default=text("''"))
    seen_at: Mapped[datetime | None]  # about when it was last used; NULL: unknown
    user: Mapped[UserRow] = relationship(lazy="joined")
    __table_args__ = (Index("session_by_user", "user_id"), Index("session_by_expiry", "expires_at"))


class FailedAttemptRow(Table):
    """
    Attempts to sign in that failed, by a keyed hash of what they are counted for: a user name as typed, or a client.

    They belong to no organization, because nobody has signed in.
    """

    __tablename__ = "failed_attempt"
    key: Mapped[str] = mapped_column(primary_key=True)
    count: Mapped[int]
    last_at: Mapped[datetime]
    __table_args__ = (Index("failed_attempt_by_time", "last_at"),)


class ApplicationRow(Table):
    """An OAuth client that a user has registered; only the hash of its secret is kept."""

    __tablename__ = "application"
    id: Mapped[str] = mapped_column(primary_key=True)
    organization_id: Mapped[str] = mapped_column(ForeignKey("organization.id"))
    user_id: Mapped[str] = mapped_column(ForeignKey("user_account.id", ondelete="CASCADE"))
    name: Mapped[str]
    secret_hash: Mapped[str]
    grants: Mapped[list[str]]
    created_at: Mapped[datetime]
    used_at: Mapped[datetime]
    user: Mapped[UserRow] = relationship(lazy="joined")
    __table_args__ = (Index("application_by_user", "user_id"),)


class TokenRow(Table):
    """A token, sent instead of a password; only its hash is kept. The tokens of a grant are revoked together."""

    __tablename__ = "token"
    id: Mapped[str] = mapped_column(primary_key=True)
    organization_id: Mapped[str] = mapped_column(ForeignKey("organization.id"))
    user_id: Mapped[str] = mapped_column(ForeignKey("user_account.id", ondelete="CASCADE"))
    application_id: Mapped[str | None] = mapped_column(ForeignKey("application.id", ondelete="CASCADE"))
    grant_id: Mapped[str]
    kind: Mapped[str]
    name: Mapped[str]
    token_hash: Mapped[str] = mapped_column(unique=True)
    scopes: Mapped[list[str]]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_on: Mapped[datetime | None]
    user: Mapped[UserRow] = relationship(lazy="joined")
    __table_args__ = (
        Index("token_by_user", "user_id"),
        Index("token_by_grant", "grant_id"),
        Index("token_by_expiry", "expires_at"),
    )


class SavedViewRow(Table):
    """A view of a list that a user has saved: the query of its address."""

    __tablename__ = "saved_view"
    user_id: Mapped[str] = mapped_column(ForeignKey("user_account.id", ondelete="CASCADE"), primary_key=True)
    page: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    organization_id: Mapped[str] = mapped_column(ForeignKey("organization.id"))
    query: Mapped[str]
