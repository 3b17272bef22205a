#!/bin/sh
# Run once by PostgreSQL's image, on an empty data directory: two roles, neither a superuser, and the database.
# linli_owner owns it and migrates; linli, the program's own, owns nothing and so cannot take down what guards the
# audit trail. The passwords never are on a command line.
set -eu
psql --username "$POSTGRES_USER" --dbname postgres --no-psqlrc --quiet --set ON_ERROR_STOP=1 <<'SQL'
\set owner_password `cat /run/secrets/linli_owner_password`
\set password `cat /run/secrets/linli_password`
create role linli_owner login nosuperuser nocreatedb nocreaterole noreplication password :'owner_password';
create role linli login nosuperuser nocreatedb nocreaterole noreplication password :'password';
create database linli owner linli_owner;
revoke connect, temporary on database linli from public;
grant connect, temporary on database linli to linli;
SQL
