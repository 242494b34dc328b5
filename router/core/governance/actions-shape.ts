import { listUpTo } from "../document/bounded-list.ts";
import { choice } from "../document/choice-shape.ts";
import { refined } from "../document/refined-shape.ts";
import type { Shape } from "../document/shape.ts";
import { ACTION_KINDS, type ActionKind } from "./action-kind.ts";

/** Kinds of action: at least one, each once. */
export const actions: Shape<readonly ActionKind[]> = listUpTo(ACTION_KINDS.length, choice(...ACTION_KINDS), {
  unique: true,
});

export const actionSet: Shape<ReadonlySet<ActionKind>> = refined(actions, (kinds) => new Set(kinds));
