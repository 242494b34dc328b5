import { assertNever } from "../base/assert-never.ts";
import { formatHost } from "../wire/host.ts";
import { safeText } from "../wire/safe-text.ts";
import type { Action } from "./action.ts";

/** Units of a target's text. */
const MAXIMUM = 256;

/** What an action is about, for records and buckets: `host:port`, `server/tool`, a model, a program; safe to print. */
export function actionTarget(action: Action): string {
  return safeText(text(action), MAXIMUM);
}

function text(action: Action): string {
  switch (action.kind) {
    case "inference":
      return action.model ?? UNKNOWN;
    case "egress":
      return action.host === undefined ? UNKNOWN : `${formatHost(action.host)}:${action.port ?? UNKNOWN}`;
    case "exec":
      return action.program ?? UNKNOWN;
    case "spawn":
      return action.agent ?? UNKNOWN;
    case "tool":
      return `${action.server ?? UNKNOWN}/${action.tool ?? UNKNOWN}`;
    case "mesh.send":
      return action.peer ?? UNKNOWN;
    case "admin":
      return action.operation ?? UNKNOWN;
    default:
      return assertNever(action);
  }
}

const UNKNOWN = "?";
