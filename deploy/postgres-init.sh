#!/bin/sh
# Run once by PostgreSQL's image, on an empty data directory: linli's own role, which is no superuser and so
# cannot switch off what guards the audit trail, and its database. The password never is on a command line.
set -eu
psql --username "$POSTGRES_USER" --dbname postgres --no-psqlrc --quiet --set ON_ERROR_STOP=1 <<'SQL'
\set password `cat /run/secrets/linli_password`
create role linli login nosuperuser nocreatedb nocreaterole noreplication password :'password';
create database linli owner linli;
revoke connect, temporary on database linli from public;
SQL
