-- The relay, and what is delivered to webhooks. A position in the journal is kept as two plain numbers.

-- Who does a part of some work, with which token, until when, and how far in the journal it has come.
CREATE TABLE relay (
    name     text COLLATE "C" NOT NULL,
    part     integer NOT NULL,
    holder   text COLLATE "C" NOT NULL,
    token    bigint NOT NULL,
    until_ms bigint NOT NULL,
    tx       bigint NOT NULL DEFAULT 0,
    seq      bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (name, part)
) WITH (fillfactor = 20);

-- Who would do some of it: the parts are shared out among those who asked lately.
CREATE TABLE relay_member (
    name     text COLLATE "C" NOT NULL,
    holder   text COLLATE "C" NOT NULL,
    until_ms bigint NOT NULL,
    PRIMARY KEY (name, holder)
);

-- `waiting` counts the deliveries that are not done. What was written by transactions numbered up to `since` happened
-- before it was there.
CREATE TABLE webhook (
    number           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id               text COLLATE "C" NOT NULL UNIQUE,
    tenant           integer NOT NULL REFERENCES tenant,
    url              text NOT NULL,
    description      text NOT NULL,
    kinds            text NOT NULL,      -- JSON array of FactKind
    secret           bytea NOT NULL,
    old_secret       bytea,
    old_until_ms     bigint,
    disabled         text,               -- why; NULL while it is enabled
    disabled_at_ms   bigint,
    failing_since_ms bigint,
    created_at_ms    bigint NOT NULL,
    since            bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint,
    waiting          bigint NOT NULL DEFAULT 0 CHECK (waiting >= 0)
) WITH (fillfactor = 20);
CREATE INDEX webhook_of_tenant ON webhook (tenant, number);

-- A webhook that could not take its facts when the relay passed by: it misses all of a part after this position.
CREATE TABLE webhook_behind (
    webhook bigint NOT NULL REFERENCES webhook ON DELETE CASCADE,
    part    integer NOT NULL,
    tenant  integer NOT NULL,
    tx      bigint NOT NULL,
    seq     bigint NOT NULL,
    PRIMARY KEY (webhook, part)
) WITH (fillfactor = 20);

-- Webhooks that were removed and still have deliveries here: those are forgotten bit by bit.
CREATE TABLE webhook_removed (
    number bigint PRIMARY KEY,
    tenant integer NOT NULL
);

-- One message to one webhook. A fact's body is made from its journal row, a ping's is kept. `due_ms` is NULL once it is
-- done. No key leads to the webhook: removing that would remove millions of rows at once.
CREATE TABLE webhook_delivery (
    number        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    webhook       bigint NOT NULL,
    tenant        integer NOT NULL,
    message       text COLLATE "C" NOT NULL,   -- the id that the receiver sees, the same at each attempt
    type          text NOT NULL,
    tx            bigint,                      -- where the fact's row is, NULL for a ping
    seq           bigint,
    body          bytea,                       -- of a ping
    state         text COLLATE "C" NOT NULL DEFAULT 'WAITING' CHECK (state IN ('WAITING', 'DELIVERED', 'FAILED')),
    created_at_ms bigint NOT NULL,
    due_ms        bigint,
    done_at_ms    bigint,
    tries         integer NOT NULL DEFAULT 0,  -- since it was last asked for: what the schedule goes by
    attempts      text NOT NULL DEFAULT '[]',  -- JSON, the latest last
    UNIQUE (webhook, message),
    CHECK ((state = 'WAITING') = (due_ms IS NOT NULL)),
    CHECK ((state = 'WAITING') = (done_at_ms IS NULL))
);
CREATE INDEX webhook_delivery_due ON webhook_delivery (webhook, due_ms, number) WHERE due_ms IS NOT NULL;
CREATE INDEX webhook_delivery_done ON webhook_delivery (done_at_ms) WHERE done_at_ms IS NOT NULL;
CREATE INDEX webhook_delivery_listed ON webhook_delivery (webhook, number);
CREATE INDEX webhook_delivery_listed_in ON webhook_delivery (webhook, state, number);

-- The partitions of the journal that are one campaign's own, for those who read all of them.
CREATE INDEX campaign_own_part ON campaign (own_part) WHERE own_part IS NOT NULL;

DO $$
DECLARE
    walled text;
BEGIN
    FOREACH walled IN ARRAY ARRAY['webhook', 'webhook_behind', 'webhook_removed', 'webhook_delivery'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', walled);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', walled);
        EXECUTE format('CREATE POLICY wall ON %I USING ((SELECT walled_to()) IN (tenant, 0))', walled);
    END LOOP;
END $$;
