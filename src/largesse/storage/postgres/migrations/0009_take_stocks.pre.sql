-- Takes units from the stock of several rewards, each of them once, or raises: a statement behind it in the same trip, the
-- commit above all, is not done then. One UPDATE for all, for a call for each cost as much as the rows of the journal. The
-- function `take_stock` is for releases before this step.
CREATE FUNCTION take_stocks(of_rewards bigint[], after_serials bigint[], units bigint[], on_days integer[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    taken bigint;
BEGIN
    UPDATE reward SET issued = issued + lot.units, serials = reward.serials + lot.units, day = lot.day,
        issued_day = lot.units + CASE reward.day WHEN lot.day THEN issued_day ELSE 0 END
    FROM unnest(of_rewards, after_serials, units, on_days) AS lot (reward, serials, units, day)
    WHERE number = lot.reward AND reward.serials = lot.serials
        AND (quota_total IS NULL OR issued + reserved + lot.units <= quota_total)
        AND (quota_daily IS NULL OR lot.units + CASE reward.day WHEN lot.day THEN issued_day ELSE 0 END <= quota_daily);
    GET DIAGNOSTICS taken = ROW_COUNT;
    IF taken <> cardinality(of_rewards) THEN
        RAISE EXCEPTION 'the stock of rewards % does not bear what was decided', of_rewards USING ERRCODE = 'LG001';
    END IF;
END $$;
