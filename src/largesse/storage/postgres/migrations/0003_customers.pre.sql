-- Customers as their tenants describe them. Whoever is not here may still claim where a campaign takes customers on first
-- sight.
CREATE TABLE customer (
    tenant           integer NOT NULL REFERENCES tenant,
    id               text COLLATE "C" NOT NULL,      -- the tenant's own
    phone            text COLLATE "C",               -- E.164
    verified         boolean NOT NULL,
    attributes       text NOT NULL,                  -- JSON
    registered_at_ms bigint NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX customer_phone ON customer (tenant, phone) WHERE phone IS NOT NULL;
ALTER TABLE customer ENABLE ROW LEVEL SECURITY;
ALTER TABLE customer FORCE ROW LEVEL SECURITY;
CREATE POLICY wall ON customer USING ((SELECT walled_to()) IN (tenant, 0));
