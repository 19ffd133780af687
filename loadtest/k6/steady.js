// An even pace: latency below the limit.
import { sale } from "./sale.js";

const { options, setup, claims, teardown } = sale({});
export { options, setup, claims as default, teardown };
