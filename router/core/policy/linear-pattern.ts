import { assertNever } from "../base/assert-never.ts";
import { ok, type Result } from "../base/result.ts";
import { parsePattern, type PatternNode, type Test } from "./pattern-syntax.ts";

/** Whether the whole of a text matches. Takes time proportional to the text's length, whatever the pattern. */
export type LinearPattern = (text: string) => boolean;

/** A step of the automaton: consumes a character that passes `test`, or none where there is no test. */
interface State {
  readonly test: Test | undefined;
  readonly next: readonly number[];
}

const ACCEPT = 0;

/**
 * A matcher for a pattern of `pattern-syntax.ts`. Certificate holders choose the text that is matched, so V8's
 * backtracking engine is not used: `^(a+)+$` would stop the sidecar. The problem is one sentence.
 */
export function parseLinearPattern(source: string): Result<LinearPattern, string> {
  const node = parsePattern(source);
  return node.ok ? ok(matcherOf(node.value)) : node;
}

/** Thompson's construction, simulated over the set of all states it may be in. */
function matcherOf(node: PatternNode): LinearPattern {
  const states: State[] = [{ test: undefined, next: [] }];
  const start = add(states, node, ACCEPT);
  return (text) => {
    let current = closure(states, [start]);
    for (let at = 0; at < text.length && current.size > 0; at += 1) {
      const code = text.charCodeAt(at);
      const passed = [...current].filter((state) => states[state]?.test?.(code) === true);
      current = closure(
        states,
        passed.flatMap((state) => states[state]?.next ?? []),
      );
    }
    return current.has(ACCEPT);
  };
}

/** Adds the states for `node` before the state `next`; the index of the first of them. */
function add(states: State[], node: PatternNode, next: number): number {
  switch (node.kind) {
    case "one":
      return states.push({ test: node.test, next: [next] }) - 1;
    case "sequence":
      return node.items.reduceRight((after, item) => add(states, item, after), next);
    case "choice": {
      const branches = node.branches.map((branch) => add(states, branch, next));
      return states.push({ test: undefined, next: branches }) - 1;
    }
    case "repeat": {
      const again = states.push({ test: undefined, next: [] }) - 1;
      const item = add(states, node.item, node.many ? again : next);
      states[again] = { test: undefined, next: [item, next] };
      return node.optional ? again : item;
    }
    default:
      return assertNever(node);
  }
}

/** All states reachable without consuming a character. */
function closure(states: readonly State[], from: readonly number[]): ReadonlySet<number> {
  const reached = new Set(from);
  for (const index of reached) {
    const state = states[index];
    if (state?.test === undefined) for (const next of state?.next ?? []) reached.add(next);
  }
  return reached;
}
