-- Work that outlives a request. Whoever has the lease may write while the fence is his; the unique index lets one live job
-- of a kind be about a thing.
CREATE TABLE job (
    number          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id              text COLLATE "C" NOT NULL UNIQUE,
    tenant          integer NOT NULL REFERENCES tenant,
    actor           text NOT NULL,
    kind            text COLLATE "C" NOT NULL,
    subject         text COLLATE "C" NOT NULL,
    content         text NOT NULL,      -- JSON
    status          text COLLATE "C" NOT NULL
        CHECK (status IN ('QUEUED', 'RUNNING', 'CANCELLING', 'DONE', 'FAILED', 'CANCELLED')),
    done            bigint NOT NULL,
    total           bigint NOT NULL,
    state           text NOT NULL,      -- JSON: where its worker goes on
    errors          text NOT NULL,      -- JSON array
    result          text,               -- the name of a file
    fence           bigint NOT NULL,
    attempts        integer NOT NULL,
    leased_until_ms bigint NOT NULL,
    created_at_ms   bigint NOT NULL,
    ended_at_ms     bigint,
    CHECK (done BETWEEN 0 AND total),
    CHECK ((ended_at_ms IS NULL) = (status IN ('QUEUED', 'RUNNING', 'CANCELLING')))
);
CREATE INDEX job_of_tenant ON job (tenant, number);
CREATE UNIQUE INDEX job_once ON job (tenant, kind, subject) WHERE ended_at_ms IS NULL;
CREATE INDEX job_free ON job (number, leased_until_ms) WHERE ended_at_ms IS NULL;
CREATE INDEX job_ended ON job (ended_at_ms) WHERE ended_at_ms IS NOT NULL;

-- Units of a reward set aside, with a code each. Where codes are permuted, those at `count` places of the pattern's counter
-- from `place` on; where they are random, the rows of `code`.
CREATE TABLE code_pool (
    number         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id             text COLLATE "C" NOT NULL UNIQUE,
    tenant         integer NOT NULL REFERENCES tenant,
    campaign       bigint NOT NULL REFERENCES campaign,
    reward         bigint NOT NULL REFERENCES reward,
    name           text NOT NULL,
    status         text COLLATE "C" NOT NULL CHECK (status IN ('MAKING', 'READY', 'DELETED')),
    count          bigint NOT NULL CHECK (count > 0),
    format         text NOT NULL,       -- JSON: how the codes are shown
    pattern        bigint NOT NULL REFERENCES code_pattern,
    place          bigint,
    created_at_ms  bigint NOT NULL,
    exports        integer NOT NULL,
    exported_at_ms bigint
);
CREATE INDEX code_pool_of_tenant ON code_pool (tenant, number);
CREATE INDEX code_pool_of_reward ON code_pool (reward);
CREATE UNIQUE INDEX code_pool_places ON code_pool (pattern, place) WHERE place IS NOT NULL;

-- A code of a pool has its position in the pool where an issued one has its serial.
ALTER TABLE code ADD COLUMN pool bigint REFERENCES code_pool;
CREATE UNIQUE INDEX code_of_pool ON code (pool, serial) WHERE pool IS NOT NULL;

DO $$
DECLARE
    walled text;
BEGIN
    FOREACH walled IN ARRAY ARRAY['job', 'code_pool'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', walled);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', walled);
        EXECUTE format('CREATE POLICY wall ON %I USING ((SELECT walled_to()) IN (tenant, 0))', walled);
    END LOOP;
END $$;
