-- The numbers of the ledger's transactions. They are the server's own, until the database comes to a server that has not
-- counted so far: then these two are written anew, with what must be added (numbering.py), and go on with the database
-- wherever it is copied to. A later step must leave them as they are.
CREATE FUNCTION transaction_number() RETURNS xid8 LANGUAGE sql STABLE AS $$
    SELECT pg_current_xact_id()
$$;
CREATE FUNCTION snapshot_now() RETURNS pg_snapshot LANGUAGE sql STABLE AS $$
    SELECT pg_current_snapshot()
$$;

ALTER TABLE journal ALTER COLUMN tx SET DEFAULT transaction_number();
ALTER TABLE change ALTER COLUMN tx SET DEFAULT transaction_number();
ALTER TABLE webhook ALTER COLUMN since SET DEFAULT transaction_number()::text::bigint;
