-- Customers as their tenants describe them. Whoever is not here may still claim where a campaign
-- takes customers on first sight.
CREATE TABLE customer (
    tenant           INTEGER NOT NULL REFERENCES tenant,
    id               TEXT NOT NULL,       -- the tenant's own
    phone            TEXT,                -- E.164
    verified         INTEGER NOT NULL CHECK (verified IN (0, 1)),
    attributes       TEXT NOT NULL,       -- JSON
    registered_at_ms INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX customer_phone ON customer (tenant, phone) WHERE phone IS NOT NULL;
