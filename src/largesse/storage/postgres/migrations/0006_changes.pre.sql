-- What processes keep in memory and one of them changed. Each reads what came since it last looked, and is told when to
-- look. Triggers write it, so that what an operator changes by hand is told, too.
CREATE TABLE change (
    tx      xid8 NOT NULL DEFAULT pg_current_xact_id(),
    tenant  integer NOT NULL,
    subject text COLLATE "C" NOT NULL,     -- the table that has it
    number  bigint NOT NULL,
    at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tx, subject, number)
);
ALTER TABLE change ENABLE ROW LEVEL SECURITY;
ALTER TABLE change FORCE ROW LEVEL SECURITY;
CREATE POLICY wall ON change USING ((SELECT walled_to()) IN (tenant, 0));

-- Its arguments: the subject, and the columns that have its number and its tenant. The word goes out with the commit, and
-- once, however many rows a transaction wrote; claims write none of these tables.
CREATE FUNCTION tell_change() RETURNS trigger LANGUAGE plpgsql SET search_path = largesse AS $$
DECLARE
    changed jsonb := to_jsonb(NEW);
BEGIN
    INSERT INTO change (tenant, subject, number)
    VALUES ((changed ->> TG_ARGV[2])::integer, TG_ARGV[0], (changed ->> TG_ARGV[1])::bigint)
    ON CONFLICT DO NOTHING;
    PERFORM pg_notify('largesse_changes', '');
    RETURN NULL;
END $$;

CREATE TRIGGER tell AFTER INSERT OR UPDATE ON tenant
    FOR EACH ROW EXECUTE FUNCTION tell_change('tenant', 'number', 'number');
CREATE TRIGGER tell AFTER INSERT OR UPDATE ON api_key
    FOR EACH ROW EXECUTE FUNCTION tell_change('tenant', 'tenant', 'tenant');
CREATE TRIGGER tell AFTER INSERT OR UPDATE ON campaign
    FOR EACH ROW EXECUTE FUNCTION tell_change('campaign', 'number', 'tenant');
