import type { Action } from "../governance/action.ts";
import { actionTarget } from "../governance/action-target.ts";
import { safeText } from "../wire/safe-text.ts";

const MOST_PATH = 256;

/** One line for people: `egress tls api.example.com:443`, `egress GET http://origin.example:80/x`, `tool github/create_issue`. */
export function actionSummary(action: Action): string {
  const target = actionTarget(action);
  if (action.kind !== "egress") return `${action.kind} ${target}`;
  if (action.protocol !== "http") return `egress ${action.protocol ?? "?"} ${target}`;
  return `egress ${safeText(`${action.method ?? "?"} http://${target}${action.path ?? ""}`, MOST_PATH)}`;
}
