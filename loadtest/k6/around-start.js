// A crowd that comes a second before the opening: nothing given too early, nobody sent away too late.
import { sale } from "./sale.js";

const { options, setup, claims, teardown } = sale({ leadS: 1 });
export { options, setup, claims as default, teardown };
