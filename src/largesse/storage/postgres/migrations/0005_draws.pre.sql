-- Draws. Each is a row of the journal (kind 8): `draw` is its number, `reward` and `serial` the incentive that it won,
-- `detail` its seed unless that was made of its key.
ALTER TABLE journal ADD COLUMN draw bigint, ADD COLUMN period integer, ADD COLUMN ordinal integer;
CREATE UNIQUE INDEX journal_draw_once ON journal (campaign, draw, part) WHERE kind = 8;
CREATE UNIQUE INDEX journal_drawn_once ON journal (campaign, customer, period, ordinal, part) WHERE kind = 8;
CREATE UNIQUE INDEX journal_draw_key_once ON journal (campaign, customer, key, part) WHERE kind = 8;
ALTER TABLE journal ADD CHECK ((kind = 8) = (draw IS NOT NULL AND period IS NOT NULL AND ordinal IS NOT NULL)) NOT VALID;

-- How many draws a campaign has made: the next one's number, without gaps.
CREATE TABLE draw_book (
    campaign bigint PRIMARY KEY REFERENCES campaign ON DELETE CASCADE,
    tenant   integer NOT NULL,
    draws    bigint NOT NULL CHECK (draws > 0)
) WITH (fillfactor = 20);

-- Counts draws on from where they stood, or raises: a statement behind it in the same pipeline, the commit above all, is
-- not done then.
CREATE FUNCTION count_draws(of_campaign bigint, of_tenant integer, before bigint, after bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF before = 0 THEN
        INSERT INTO draw_book (campaign, tenant, draws) VALUES (of_campaign, of_tenant, after) ON CONFLICT DO NOTHING;
    ELSE
        UPDATE draw_book SET draws = after WHERE campaign = of_campaign AND draws = before;
    END IF;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the draws of campaign % are not what was decided on', of_campaign USING ERRCODE = 'LG001';
    END IF;
END $$;

ALTER TABLE draw_book ENABLE ROW LEVEL SECURITY;
ALTER TABLE draw_book FORCE ROW LEVEL SECURITY;
CREATE POLICY wall ON draw_book USING ((SELECT walled_to()) IN (tenant, 0));
