// Each second's claims all at once, over CONNECTIONS connections: how long a queue takes to drain.
import { PER_SECOND, SECONDS, sale } from "./sale.js";

const crowd = {
  executor: "constant-arrival-rate",
  rate: 1,
  duration: `${SECONDS}s`,
  preAllocatedVUs: SECONDS, // where a burst takes longer than its second, the next one has a VU all the same
};

const { options, setup, claims, teardown } = sale({ crowd, atOnce: PER_SECOND });
export { options, setup, claims as default, teardown };
