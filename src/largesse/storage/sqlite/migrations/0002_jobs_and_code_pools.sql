-- Work that outlives a request. Whoever has the lease may write while the fence is his; the unique
-- index lets one live job of a kind be about a thing.
CREATE TABLE job (
    number          INTEGER PRIMARY KEY AUTOINCREMENT,
    id              TEXT NOT NULL UNIQUE,
    tenant          INTEGER NOT NULL REFERENCES tenant,
    actor           TEXT NOT NULL,
    kind            TEXT NOT NULL,
    subject         TEXT NOT NULL,
    content         TEXT NOT NULL,       -- JSON
    status          TEXT NOT NULL
        CHECK (status IN ('QUEUED', 'RUNNING', 'CANCELLING', 'DONE', 'FAILED', 'CANCELLED')),
    done            INTEGER NOT NULL,
    total           INTEGER NOT NULL,
    state           TEXT NOT NULL,       -- JSON: where its worker goes on
    errors          TEXT NOT NULL,       -- JSON array
    result          TEXT,                -- the name of a file
    fence           INTEGER NOT NULL,
    attempts        INTEGER NOT NULL,
    leased_until_ms INTEGER NOT NULL,
    created_at_ms   INTEGER NOT NULL,
    ended_at_ms     INTEGER,
    CHECK (done BETWEEN 0 AND total),
    CHECK ((ended_at_ms IS NULL) = (status IN ('QUEUED', 'RUNNING', 'CANCELLING')))
) STRICT;
CREATE INDEX job_of_tenant ON job (tenant, number);
CREATE UNIQUE INDEX job_once ON job (tenant, kind, subject) WHERE ended_at_ms IS NULL;
CREATE INDEX job_free ON job (number, leased_until_ms) WHERE ended_at_ms IS NULL;
CREATE INDEX job_ended ON job (ended_at_ms) WHERE ended_at_ms IS NOT NULL;

-- Units of a reward set aside, with a code each. Where codes are permuted, those at `count` places
-- of the pattern's counter from `place` on; where they are random, the rows of `code`.
CREATE TABLE code_pool (
    number         INTEGER PRIMARY KEY AUTOINCREMENT,
    id             TEXT NOT NULL UNIQUE,
    tenant         INTEGER NOT NULL REFERENCES tenant,
    campaign       INTEGER NOT NULL REFERENCES campaign,
    reward         INTEGER NOT NULL REFERENCES reward,
    name           TEXT NOT NULL,
    status         TEXT NOT NULL CHECK (status IN ('MAKING', 'READY', 'DELETED')),
    count          INTEGER NOT NULL CHECK (count > 0),
    format         TEXT NOT NULL,        -- JSON: how the codes are shown
    pattern        INTEGER NOT NULL REFERENCES code_pattern,
    place          INTEGER,
    created_at_ms  INTEGER NOT NULL,
    exports        INTEGER NOT NULL,
    exported_at_ms INTEGER
) STRICT;
CREATE INDEX code_pool_of_tenant ON code_pool (tenant, number);
CREATE INDEX code_pool_of_reward ON code_pool (reward);
CREATE UNIQUE INDEX code_pool_places ON code_pool (pattern, place) WHERE place IS NOT NULL;

-- A code of a pool has its position in the pool where an issued one has its serial.
ALTER TABLE code ADD COLUMN pool INTEGER REFERENCES code_pool;
CREATE UNIQUE INDEX code_of_pool ON code (pool, serial) WHERE pool IS NOT NULL;
