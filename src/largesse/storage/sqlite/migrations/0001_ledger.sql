-- The first schema. Times are milliseconds since the epoch; days count from 1970-01-01 local.

-- One row: the secrets that seed hashes, cursors and incentive ids. Losing them loses the file.
CREATE TABLE installation (
    one           INTEGER PRIMARY KEY CHECK (one = 1),
    secret        BLOB NOT NULL,
    created_at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE tenant (
    number        INTEGER PRIMARY KEY AUTOINCREMENT,
    id            TEXT NOT NULL UNIQUE,
    name          TEXT NOT NULL,
    time_zone     TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    secret        BLOB NOT NULL,
    clock_ms      INTEGER              -- set in test mode only
) STRICT;

CREATE TABLE api_key (
    id            TEXT PRIMARY KEY,    -- ids sort by creation
    tenant        INTEGER NOT NULL REFERENCES tenant,
    name          TEXT NOT NULL,
    prefix        TEXT NOT NULL,
    digest        BLOB NOT NULL UNIQUE,
    scopes        TEXT NOT NULL,       -- JSON array
    created_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER,
    revoked_at_ms INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX api_key_of_tenant ON api_key (tenant, id);

CREATE TABLE audit (
    position   INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant     INTEGER NOT NULL REFERENCES tenant,
    at_ms      INTEGER NOT NULL,
    actor      TEXT NOT NULL,
    operation  TEXT NOT NULL,
    subject    TEXT NOT NULL,
    request_id TEXT NOT NULL,
    before     TEXT,                   -- JSON
    after      TEXT                    -- JSON
) STRICT;
CREATE INDEX audit_of_tenant ON audit (tenant, position);

-- What a caller's key brought about, for all commands but claims (whose key is in the journal).
CREATE TABLE idempotency (
    tenant    INTEGER NOT NULL,
    operation TEXT NOT NULL,
    key       TEXT NOT NULL,
    content   BLOB NOT NULL,           -- digest of the parsed command
    answer    TEXT NOT NULL,           -- JSON
    at_ms     INTEGER NOT NULL,
    PRIMARY KEY (tenant, operation, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_by_age ON idempotency (at_ms);

CREATE TABLE campaign (
    number        INTEGER PRIMARY KEY AUTOINCREMENT,
    id            TEXT NOT NULL UNIQUE,
    tenant        INTEGER NOT NULL REFERENCES tenant,
    status        TEXT NOT NULL CHECK (status IN ('DRAFT', 'ACTIVE', 'PAUSED', 'ENDED')),
    version       INTEGER NOT NULL,
    created_at_ms INTEGER NOT NULL,
    -- Copies out of the definition, for the filters of the list.
    type          TEXT NOT NULL,
    name          TEXT NOT NULL,       -- case-folded: a search finds it however it is typed
    ends_at_ms    INTEGER
) STRICT;
CREATE INDEX campaign_of_tenant ON campaign (tenant, number);

CREATE TABLE campaign_version (
    campaign   INTEGER NOT NULL REFERENCES campaign ON DELETE CASCADE,
    version    INTEGER NOT NULL,
    definition TEXT NOT NULL,          -- JSON
    PRIMARY KEY (campaign, version)
) STRICT, WITHOUT ROWID;

-- Stock. The quotas stand beside the counters so that one write can hold both against each other.
CREATE TABLE reward (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    campaign    INTEGER NOT NULL REFERENCES campaign ON DELETE CASCADE,
    key         TEXT NOT NULL,
    quota_total INTEGER,
    quota_daily INTEGER,
    issued      INTEGER NOT NULL DEFAULT 0,
    reserved    INTEGER NOT NULL DEFAULT 0,
    serials     INTEGER NOT NULL DEFAULT 0,
    day         INTEGER NOT NULL DEFAULT 0,
    issued_day  INTEGER NOT NULL DEFAULT 0,
    UNIQUE (campaign, key),
    CHECK (issued >= 0 AND reserved >= 0 AND issued_day >= 0 AND issued <= serials),
    CHECK (quota_total IS NULL OR issued + reserved <= quota_total)
) STRICT;

-- A code format of a tenant. `taken` places of its counter are given to rewards in blocks.
CREATE TABLE code_pattern (
    id      INTEGER PRIMARY KEY,
    tenant  INTEGER NOT NULL REFERENCES tenant,
    pattern TEXT NOT NULL,
    source  TEXT NOT NULL CHECK (source IN ('permuted', 'random')),
    taken   INTEGER NOT NULL DEFAULT 0,
    UNIQUE (tenant, pattern, source)
) STRICT;

CREATE TABLE code_block (
    pattern INTEGER NOT NULL REFERENCES code_pattern,
    place   INTEGER NOT NULL,
    count   INTEGER NOT NULL CHECK (count > 0),
    reward  INTEGER NOT NULL,
    serial  INTEGER NOT NULL,
    PRIMARY KEY (pattern, place)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX code_block_of_reward ON code_block (reward, serial);

-- Codes made at random; permuted ones need no row.
CREATE TABLE code (
    tenant    INTEGER NOT NULL,
    canonical TEXT NOT NULL,
    reward    INTEGER NOT NULL,
    serial    INTEGER NOT NULL,
    PRIMARY KEY (tenant, canonical)
) STRICT, WITHOUT ROWID;

-- Ledger, outbox and memory of keys in one. `seq` is the order of commits. `kind` is a FactKind.
CREATE TABLE journal (
    seq      INTEGER PRIMARY KEY,
    kind     INTEGER NOT NULL,
    at_ms    INTEGER NOT NULL,
    of       INTEGER,                  -- the ISSUED row that a later fact is about
    campaign INTEGER,
    reward   INTEGER,
    serial   INTEGER,
    customer TEXT,
    key      TEXT,
    version  INTEGER,
    detail   TEXT                      -- a random code, or JSON of a rarer fact
) STRICT;
CREATE INDEX journal_by_incentive ON journal (of, seq) WHERE of IS NOT NULL;
CREATE UNIQUE INDEX journal_gone_once ON journal (of) WHERE kind IN (4, 5);

-- Where serials stand in the journal: from `serial` on, serial and seq ascend together, up to the
-- reward's next extent. One batch adds at most one row for each of its rewards, and none when it
-- goes on where the last one stopped.
CREATE TABLE extent (
    reward INTEGER NOT NULL,
    serial INTEGER NOT NULL,
    seq    INTEGER NOT NULL,
    PRIMARY KEY (reward, serial)
) STRICT, WITHOUT ROWID;

-- Sealed pieces of the memory of holders: sorted 64-bit hashes with the seqs of their rows.
CREATE TABLE run (
    first_seq INTEGER PRIMARY KEY,
    last_seq  INTEGER NOT NULL,
    hashes    BLOB NOT NULL,
    seqs      BLOB NOT NULL
) STRICT;

-- What the sweep for expired incentives has before it, by reward and version: the next serial to
-- look at, and the moment before which it need not be looked at.
CREATE TABLE expiry (
    reward   INTEGER NOT NULL,
    version  INTEGER NOT NULL,
    tenant   INTEGER NOT NULL,
    serial   INTEGER NOT NULL,
    due_ms   INTEGER NOT NULL,
    after_ms INTEGER,                  -- expires so long after its issue, else at one moment
    PRIMARY KEY (reward, version)
) STRICT, WITHOUT ROWID;
CREATE INDEX expiry_due ON expiry (tenant, due_ms);
