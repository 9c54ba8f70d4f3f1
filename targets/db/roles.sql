-- Roles and the empty database. Run once, as a superuser, against the
-- maintenance database; the passwords come from psql variables:
--   psql -d postgres -v shop_password=... -v shipping_password=... -v reports_password=... -v replica_password=... \
--     -v grader_password=... -f roles.sql
\set ON_ERROR_STOP on

CREATE ROLE shop LOGIN PASSWORD :'shop_password';

-- Services that are not the owner; schema.sql grants what each of them needs.
CREATE ROLE shipping LOGIN PASSWORD :'shipping_password';
CREATE ROLE reports LOGIN PASSWORD :'reports_password';

-- The replica, which takes all of the database.
CREATE ROLE replica LOGIN REPLICATION PASSWORD :'replica_password';

-- Reads everything, changes nothing: for checks and dashboards.
CREATE ROLE grader LOGIN PASSWORD :'grader_password';
GRANT pg_read_all_data, pg_monitor TO grader;
ALTER ROLE grader SET default_transaction_read_only = on;

CREATE DATABASE shop OWNER shop;
