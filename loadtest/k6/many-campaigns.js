// Sixteen campaigns in turn: what sharing costs.
import { sale } from "./sale.js";

const { options, setup, claims, teardown } = sale({ campaigns: 16 });
export { options, setup, claims as default, teardown };
