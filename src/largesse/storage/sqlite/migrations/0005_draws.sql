-- Draws. Each is a row of the journal (kind 8): `draw` is its number, `reward` and `serial` the
-- incentive that it won, `detail` its period, ordinal and seed.
ALTER TABLE journal ADD COLUMN draw INTEGER;

-- How many draws a campaign has made: the next one's number, without gaps.
CREATE TABLE draw_book (
    campaign INTEGER PRIMARY KEY REFERENCES campaign,
    draws    INTEGER NOT NULL CHECK (draws > 0)
) STRICT;

-- Where draws stand in the journal: from `draw` on, draw and seq ascend together, up to the
-- campaign's next extent.
CREATE TABLE draw_extent (
    campaign INTEGER NOT NULL,
    draw     INTEGER NOT NULL,
    seq      INTEGER NOT NULL,
    PRIMARY KEY (campaign, draw)
) STRICT, WITHOUT ROWID;
