-- The first schema. Times are milliseconds since the epoch; days count from 1970-01-01 local. Texts that are compared
-- are so byte by byte, whatever the database's language. JSON is kept as text: jsonb refuses characters that json allows.

-- One row: the secret that cursors and incentive ids are made with. Losing it loses what they mean.
CREATE TABLE installation (
    one           boolean PRIMARY KEY DEFAULT true CHECK (one),
    secret        bytea NOT NULL,
    created_at_ms bigint NOT NULL
);

CREATE TABLE tenant (
    number        integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id            text COLLATE "C" NOT NULL UNIQUE,
    name          text NOT NULL,
    time_zone     text NOT NULL,
    created_at_ms bigint NOT NULL,
    secret        bytea NOT NULL,
    clock_ms      bigint              -- set in test mode only
);

CREATE TABLE api_key (
    id            text COLLATE "C" PRIMARY KEY,    -- ids sort by creation
    tenant        integer NOT NULL REFERENCES tenant,
    name          text NOT NULL,
    prefix        text NOT NULL,
    digest        bytea NOT NULL UNIQUE,
    scopes        text NOT NULL,      -- JSON array
    created_at_ms bigint NOT NULL,
    expires_at_ms bigint,
    revoked_at_ms bigint
);
CREATE INDEX api_key_of_tenant ON api_key (tenant, id);

CREATE TABLE audit (
    position   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant     integer NOT NULL REFERENCES tenant,
    at_ms      bigint NOT NULL,
    actor      text NOT NULL,
    operation  text NOT NULL,
    subject    text NOT NULL,
    request_id text NOT NULL,
    before     text,                  -- JSON
    after      text                   -- JSON
);
CREATE INDEX audit_of_tenant ON audit (tenant, position);

-- What a caller's key brought about, for all commands but claims (whose key is in the journal).
CREATE TABLE idempotency (
    tenant    integer NOT NULL,
    operation text COLLATE "C" NOT NULL,
    key       text COLLATE "C" NOT NULL,
    content   bytea NOT NULL,         -- digest of the parsed command
    answer    text NOT NULL,          -- JSON
    at_ms     bigint NOT NULL,
    PRIMARY KEY (tenant, operation, key)
);
CREATE INDEX idempotency_by_age ON idempotency (at_ms);

-- `part` is the partition of the journal that has the campaign's rows; it never changes. `revision` counts the changes,
-- so that whoever keeps campaigns in memory knows which of two is newer.
CREATE TABLE campaign (
    number        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id            text COLLATE "C" NOT NULL UNIQUE,
    tenant        integer NOT NULL REFERENCES tenant,
    part          integer NOT NULL GENERATED ALWAYS AS (coalesce(own_part, (number % 16)::integer)) STORED,
    own_part      integer CHECK (own_part >= 16),
    revision      bigint NOT NULL DEFAULT 1,
    status        text NOT NULL CHECK (status IN ('DRAFT', 'ACTIVE', 'PAUSED', 'ENDED')),
    version       integer NOT NULL,
    created_at_ms bigint NOT NULL,
    -- Copies out of the definition, for the filters of the list.
    type          text NOT NULL,
    name          text NOT NULL,      -- case-folded: a search finds it however it is typed
    ends_at_ms    bigint
);
CREATE INDEX campaign_of_tenant ON campaign (tenant, number);

CREATE TABLE campaign_version (
    campaign   bigint NOT NULL REFERENCES campaign ON DELETE CASCADE,
    version    integer NOT NULL,
    tenant     integer NOT NULL,
    definition text NOT NULL,         -- JSON
    PRIMARY KEY (campaign, version)
);

-- Stock. The quotas stand beside the counters so that one write can hold both against each other. A hot row is written a
-- hundred times a second: free room in its page lets its versions stay there, and no index hears of them.
CREATE TABLE reward (
    number      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant      integer NOT NULL,
    campaign    bigint NOT NULL REFERENCES campaign ON DELETE CASCADE,
    key         text COLLATE "C" NOT NULL,
    quota_total bigint,
    quota_daily bigint,
    issued      bigint NOT NULL DEFAULT 0,
    reserved    bigint NOT NULL DEFAULT 0,
    serials     bigint NOT NULL DEFAULT 0,
    day         integer NOT NULL DEFAULT 0,
    issued_day  bigint NOT NULL DEFAULT 0,
    UNIQUE (campaign, key),
    CHECK (issued >= 0 AND reserved >= 0 AND issued_day >= 0 AND issued <= serials),
    CHECK (quota_total IS NULL OR issued + reserved <= quota_total)
) WITH (fillfactor = 20);

-- A code format of a tenant. `taken` places of its counter are given to rewards in blocks.
CREATE TABLE code_pattern (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant  integer NOT NULL REFERENCES tenant,
    pattern text COLLATE "C" NOT NULL,
    source  text COLLATE "C" NOT NULL CHECK (source IN ('permuted', 'random')),
    taken   bigint NOT NULL DEFAULT 0,
    UNIQUE (tenant, pattern, source)
);

CREATE TABLE code_block (
    pattern bigint NOT NULL REFERENCES code_pattern,
    place   bigint NOT NULL,
    count   bigint NOT NULL CHECK (count > 0),
    tenant  integer NOT NULL,
    reward  bigint NOT NULL,
    serial  bigint NOT NULL,
    PRIMARY KEY (pattern, place)
);
CREATE UNIQUE INDEX code_block_of_reward ON code_block (reward, serial);

-- Codes made at random; permuted ones need no row. What must be unique across a tenant cannot be so in the journal, whose
-- partitions are by campaign.
CREATE TABLE code (
    tenant    integer NOT NULL,
    canonical text COLLATE "C" NOT NULL,
    reward    bigint NOT NULL,
    serial    bigint NOT NULL,
    PRIMARY KEY (tenant, canonical)
);

-- Ledger, outbox and memory of keys in one. `kind` is a FactKind. Identities commit out of order, so nobody reads by `seq`
-- alone: (tx, seq) below the oldest transaction that still runs is the order of facts.
--
-- A customer's incentives in a campaign with a cap are counted by `nth`; without one each is found by its key. Either way
-- two transactions that know nothing of each other cannot both write the same one.
CREATE SEQUENCE journal_seq;
CREATE TABLE journal (
    tx       xid8 NOT NULL DEFAULT pg_current_xact_id(),
    seq      bigint NOT NULL DEFAULT nextval('journal_seq'),
    campaign bigint NOT NULL,
    reward   bigint,
    serial   bigint,
    at_ms    bigint NOT NULL,
    tenant   integer NOT NULL,
    part     integer NOT NULL,
    version  integer NOT NULL,
    nth      integer,
    kind     smallint NOT NULL,
    customer text COLLATE "C",
    key      text COLLATE "C",
    detail   text,                    -- a random code, or JSON of a rarer fact
    PRIMARY KEY (tx, seq, part)
) PARTITION BY LIST (part);
CREATE UNIQUE INDEX journal_issued_once ON journal (reward, serial, part) WHERE kind = 1;
CREATE UNIQUE INDEX journal_gone_once ON journal (reward, serial, part) WHERE kind IN (4, 5);
CREATE UNIQUE INDEX journal_nth_once ON journal (campaign, customer, nth, part) WHERE nth IS NOT NULL;
CREATE UNIQUE INDEX journal_key_once ON journal (campaign, customer, key, part) WHERE nth IS NULL AND kind = 1;

DO $$
BEGIN
    FOR part IN 0..15 LOOP
        EXECUTE format('CREATE TABLE journal_%s PARTITION OF journal FOR VALUES IN (%s)', part, part);
    END LOOP;
END $$;

-- What the sweep for expired incentives has before it, by reward and version: the next serial to look at, and the moment
-- before which it need not be looked at.
CREATE TABLE expiry (
    reward   bigint NOT NULL,
    version  integer NOT NULL,
    tenant   integer NOT NULL,
    serial   bigint NOT NULL,
    due_ms   bigint NOT NULL,
    after_ms bigint,                  -- expires so long after its issue, else at one moment
    PRIMARY KEY (reward, version)
);
CREATE INDEX expiry_due ON expiry (tenant, due_ms);

-- Takes units from stock, or raises: a statement behind it in the same pipeline, the commit above all, is not done then.
CREATE FUNCTION take_stock(of_reward bigint, after_serial bigint, units bigint, on_day integer) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE reward SET issued = issued + units, serials = serials + units, day = on_day,
        issued_day = units + CASE day WHEN on_day THEN issued_day ELSE 0 END
    WHERE number = of_reward AND serials = after_serial
        AND (quota_total IS NULL OR issued + reserved + units <= quota_total)
        AND (quota_daily IS NULL OR units + CASE day WHEN on_day THEN issued_day ELSE 0 END <= quota_daily);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the stock of reward % does not bear what was decided', of_reward USING ERRCODE = 'LG001';
    END IF;
END $$;

-- The wall between tenants, beneath whatever the statements say: a transaction sees the rows of the tenant that it named,
-- of all where it named 0, and none where it named nobody.
CREATE FUNCTION walled_to() RETURNS integer LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT nullif(current_setting('largesse.tenant', true), '')::integer
$$;

DO $$
DECLARE
    walled text;
BEGIN
    FOREACH walled IN ARRAY ARRAY['api_key', 'audit', 'idempotency', 'campaign', 'campaign_version', 'reward',
        'code_pattern', 'code_block', 'code', 'journal', 'expiry'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', walled);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', walled);
        EXECUTE format('CREATE POLICY wall ON %I USING ((SELECT walled_to()) IN (tenant, 0))', walled);
    END LOOP;
    ALTER TABLE tenant ENABLE ROW LEVEL SECURITY;
    ALTER TABLE tenant FORCE ROW LEVEL SECURITY;
    CREATE POLICY wall ON tenant USING ((SELECT walled_to()) IN (number, 0));
    -- A partition that is named by itself has no policy, and so shows nothing.
    FOR part IN 0..15 LOOP
        EXECUTE format('ALTER TABLE journal_%s ENABLE ROW LEVEL SECURITY', part);
        EXECUTE format('ALTER TABLE journal_%s FORCE ROW LEVEL SECURITY', part);
    END LOOP;
END $$;
