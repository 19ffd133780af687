-- Where serials stand in the journal, in two parts that are read as one. A batch of many rewards adds an extent for
-- each, and each would write another page of a large tree: so they are added to a small one, and from time to time
-- all of that is moved at once. What was added stands behind all that was moved.
ALTER TABLE extent RENAME TO extent_moved;
CREATE TABLE extent_added (
    reward INTEGER NOT NULL,
    serial INTEGER NOT NULL,
    seq    INTEGER NOT NULL,
    PRIMARY KEY (reward, serial)
) STRICT, WITHOUT ROWID;
CREATE VIEW extent (reward, serial, seq) AS
SELECT reward, serial, seq FROM extent_moved UNION ALL SELECT reward, serial, seq FROM extent_added;
