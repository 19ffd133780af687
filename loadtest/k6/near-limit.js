// Twice as many customers as units: the sell-out, not one too many, not one too few.
import { CLAIMS, sale } from "./sale.js";

const { options, setup, claims, teardown } = sale({ units: Math.ceil(CLAIMS / 2) });
export { options, setup, claims as default, teardown };
