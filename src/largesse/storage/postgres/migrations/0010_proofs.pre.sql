-- The last proof that the ledger adds up, and whose turn it is to make the next one: one process proves for all.
CREATE TABLE proof (
    one           boolean PRIMARY KEY DEFAULT true CHECK (one),
    holder        text COLLATE "C" NOT NULL,
    until_ms      bigint NOT NULL,
    checked_at_ms bigint NOT NULL DEFAULT 0,
    found         text                     -- JSON; NULL until the first one is done
);
ALTER TABLE proof ENABLE ROW LEVEL SECURITY;
ALTER TABLE proof FORCE ROW LEVEL SECURITY;
CREATE POLICY wall ON proof USING ((SELECT walled_to()) = 0);
