import type { Trust } from "./trust.ts";

/** Whom this agent may speak to: the ends of the edges that begin at `self`. An edge leads one way, and no further. */
export function peersOfSelf(graph: Trust["graph"]): ReadonlySet<string> {
  return new Set(graph.filter(({ from }) => from === "self").map(({ to }) => to));
}
