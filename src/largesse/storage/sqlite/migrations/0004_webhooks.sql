-- The relay, and what is delivered to webhooks.

-- Who does a part of some work, with which token, until when, and how far in the journal it has come.
CREATE TABLE relay (
    name     TEXT NOT NULL,
    part     INTEGER NOT NULL,
    holder   TEXT NOT NULL,
    token    INTEGER NOT NULL,
    until_ms INTEGER NOT NULL,
    seq      INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (name, part)
) STRICT, WITHOUT ROWID;

-- `waiting` counts the deliveries that are not done. Facts up to `since` happened before it was there.
CREATE TABLE webhook (
    number           INTEGER PRIMARY KEY AUTOINCREMENT,
    id               TEXT NOT NULL UNIQUE,
    tenant           INTEGER NOT NULL REFERENCES tenant,
    url              TEXT NOT NULL,
    description      TEXT NOT NULL,
    kinds            TEXT NOT NULL,        -- JSON array of FactKind
    secret           BLOB NOT NULL,
    old_secret       BLOB,
    old_until_ms     INTEGER,
    disabled         TEXT,                 -- why; NULL while it is enabled
    disabled_at_ms   INTEGER,
    failing_since_ms INTEGER,
    created_at_ms    INTEGER NOT NULL,
    since            INTEGER NOT NULL,
    waiting          INTEGER NOT NULL DEFAULT 0 CHECK (waiting >= 0)
) STRICT;
CREATE INDEX webhook_of_tenant ON webhook (tenant, number);

-- A webhook that could not take its facts when the relay passed by: it misses all after `seq`.
CREATE TABLE webhook_behind (
    webhook INTEGER NOT NULL REFERENCES webhook ON DELETE CASCADE,
    part    INTEGER NOT NULL,
    seq     INTEGER NOT NULL,
    PRIMARY KEY (webhook, part)
) STRICT, WITHOUT ROWID;

-- Webhooks that were removed and still have deliveries here: those are forgotten bit by bit.
CREATE TABLE webhook_removed (number INTEGER PRIMARY KEY) STRICT;

-- One message to one webhook. A fact's body is made from its journal row, a ping's is kept. `due_ms` is NULL once it is
-- done. No key leads to the webhook: removing that would remove millions of rows at once.
CREATE TABLE webhook_delivery (
    number     INTEGER PRIMARY KEY AUTOINCREMENT,
    webhook    INTEGER NOT NULL,
    message    TEXT NOT NULL,              -- the id that the receiver sees, the same at each attempt
    type       TEXT NOT NULL,
    seq        INTEGER,                    -- the fact's row, NULL for a ping
    body       BLOB,                       -- of a ping
    state      TEXT NOT NULL DEFAULT 'WAITING' CHECK (state IN ('WAITING', 'DELIVERED', 'FAILED')),
    created_at_ms INTEGER NOT NULL,
    due_ms     INTEGER,
    done_at_ms INTEGER,
    tries      INTEGER NOT NULL DEFAULT 0, -- since it was last asked for: what the schedule goes by
    attempts   TEXT NOT NULL DEFAULT '[]', -- JSON, the latest last
    UNIQUE (webhook, message),
    CHECK ((state = 'WAITING') = (due_ms IS NOT NULL)),
    CHECK ((state = 'WAITING') = (done_at_ms IS NULL))
) STRICT;
CREATE INDEX webhook_delivery_due ON webhook_delivery (webhook, due_ms) WHERE due_ms IS NOT NULL;
CREATE INDEX webhook_delivery_done ON webhook_delivery (done_at_ms) WHERE done_at_ms IS NOT NULL;
CREATE INDEX webhook_delivery_listed ON webhook_delivery (webhook, state, number);
