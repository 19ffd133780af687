// A pace that rises from nothing to PER_SECOND: where latency begins to grow.
import { EVENLY, PER_SECOND, SECONDS, sale } from "./sale.js";

const crowd = {
  executor: "ramping-arrival-rate",
  startRate: 0,
  stages: [{ target: PER_SECOND, duration: `${SECONDS}s` }],
  preAllocatedVUs: EVENLY.preAllocatedVUs,
};

const { options, setup, claims, teardown } = sale({ crowd });
export { options, setup, claims as default, teardown };
