#!/bin/sh
# Runs once, as the superuser, when PostgreSQL creates its data directory: a role for Holdfast that owns one database.
set -eu
psql --no-psqlrc --set ON_ERROR_STOP=1 --set password="$(cat /run/secrets/database-password)" --username postgres <<'SQL'
CREATE ROLE holdfast LOGIN PASSWORD :'password';
CREATE DATABASE holdfast OWNER holdfast ENCODING 'UTF8';
REVOKE CONNECT ON DATABASE holdfast FROM PUBLIC;
SQL
