#!/usr/bin/env -S MALLOC_ARENA_MAX=1 node --max-semi-space-size=8 --max-old-space-size=256
// The heap's bounds: a busy sidecar settles at about 120 MB resident instead of 200 (measured; bench/RESULTS.md). One arena of
// malloc for all threads: what the engine's helpers free is used again by the main thread, 15 MB less. The image, the benches
// and the tests start it with what stands in this line.
import { oldNodeMessage } from "./node-version.ts";

// Nothing but this check may load before it: the rest of the program uses what older versions do not have.
const message = oldNodeMessage(process.versions.node);
if (message === undefined) {
  const { dispatch } = await import("./dispatch.ts");
  process.exitCode = await dispatch(process.argv.slice(2));
} else {
  process.stderr.write(`${message}\n`);
  process.exitCode = 64;
}
