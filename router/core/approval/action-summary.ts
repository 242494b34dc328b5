import type { Json } from "../json/json.ts";
import type { Action } from "../governance/action.ts";
import { actionTarget } from "../governance/action-target.ts";
import { redactedArguments } from "../governance/redacted-arguments.ts";
import { safeText } from "../wire/safe-text.ts";
import type { Sha256 } from "./action-form.ts";

/** UTF-16 units. */
export const MOST_SUMMARY = 1_024;

/** How a tool's arguments are shown: what stands at these RFC 6901 pointers as digests. */
export interface ShownArguments {
  readonly redact: readonly string[];
  readonly sha256: Sha256;
}

/**
 * One line for people, of everything that a grant binds to: `egress tls api.example.com:443`, `egress GET
 * http://origin.example:80/x`, `exec /usr/bin/git ["push","--force"]`, `tool github/create_issue {"title":"x"}`. What does
 * not fit is said at the end. `shown`: without it a tool's arguments are left out.
 */
export function actionSummary(action: Action, shown?: ShownArguments): string {
  const full = [action.kind, ...parts(action, shown)].join(" ");
  // No unit becomes more than six.
  const whole = safeText(full, 6 * full.length);
  if (whole.length <= MOST_SUMMARY) return whole;
  const warning = ` [CUT: not all of ${whole.length} characters]`;
  return `${safeText(whole, MOST_SUMMARY - warning.length)}${warning}`;
}

function parts(action: Action, shown: ShownArguments | undefined): readonly string[] {
  switch (action.kind) {
    case "egress": {
      const target = actionTarget(action);
      if (action.protocol !== "http") return [action.protocol ?? "?", target];
      return [`${word(action.method)} http://${target}${action.path === undefined ? "" : word(action.path)}`];
    }
    case "exec": {
      const { program, argv, directory } = action;
      return [word(program), argv === undefined ? "?" : JSON.stringify(argv), ...also("in", directory)];
    }
    case "spawn": {
      const { agent, image, depth } = action;
      return [word(agent), ...also("image", image), ...(depth === undefined ? [] : [`depth ${depth}`])];
    }
    case "tool": {
      const name = `${word(action.server)}/${word(action.tool)}`;
      if (shown === undefined || action.arguments.state !== "known") return [name];
      return [name, JSON.stringify(shownArguments(action.arguments.value, shown))];
    }
    case "mesh.send":
      return [word(action.peer), ...also("topic", action.topic)];
    case "admin":
      return [word(action.operation), ...also("on", action.target)];
    case "inference":
      return [word(action.model)];
    default:
      return action satisfies never;
  }
}

/** The arguments as an approver may see them. */
export function shownArguments(value: Json, { redact, sha256 }: ShownArguments): Json {
  return redactedArguments(value, redact, sha256);
}

function also(what: string, text: string | undefined): readonly string[] {
  return text === undefined ? [] : [`${what} ${word(text)}`];
}

/** In quotes unless it is one word, so that no part of an action can pass for another. */
function word(text: string | undefined): string {
  if (text === undefined) return "?";
  return BARE.test(text) ? text : JSON.stringify(text);
}

const BARE = /^[^\s"\\\p{C}\p{Z}]+$/u;
