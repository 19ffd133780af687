// Every third customer hangs up right after asking: what he was given is not lost, he asks again with his key.
import { sale } from "./sale.js";

const { options, setup, claims, teardown } = sale({ hangUpEvery: 3 });
export { options, setup, claims as default, teardown };
