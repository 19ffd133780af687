-- A coupon that was used has ended, as one that expired or was revoked has: a row of the journal (kind 2).
CREATE UNIQUE INDEX journal_ended_once ON journal (of) WHERE kind IN (2, 4, 5);
DROP INDEX journal_gone_once;
