#!/usr/bin/env node
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
