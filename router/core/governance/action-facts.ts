import type { Action } from "./action.ts";
import type { NumberFact, TextFact } from "./governance-policy.ts";

/** Undefined: the action has no such fact, it is missing, or it cannot be trusted to mean one thing. */
export type TextReader = (action: Action) => string | undefined;
export type NumberReader = (action: Action) => number | undefined;

const readers: Readonly<Record<TextFact, TextReader>> = {
  model: (action) => (action.kind === "inference" || action.kind === "tool" ? action.model : undefined),
  provider: (action) => (action.kind === "inference" ? action.provider : undefined),
  api: (action) => (action.kind === "inference" ? action.api : undefined),
  protocol: (action) => (action.kind === "egress" ? action.protocol : undefined),
  method: (action) => (action.kind === "egress" ? action.method : undefined),
  program: (action) => (action.kind === "exec" ? plainPath(action.program) : undefined),
  directory: (action) =>
    action.kind !== "exec" ? undefined : action.directory === "/" ? "/" : plainPath(action.directory),
  agent: (action) => (action.kind === "spawn" ? action.agent : undefined),
  image: (action) => (action.kind === "spawn" ? action.image : undefined),
  server: (action) => (action.kind === "tool" ? action.server : undefined),
  tool: (action) => (action.kind === "tool" ? action.tool : undefined),
  peer: (action) => (action.kind === "mesh.send" ? action.peer : undefined),
  topic: (action) => (action.kind === "mesh.send" ? action.topic : undefined),
  operation: (action) => (action.kind === "admin" ? action.operation : undefined),
  target: (action) => (action.kind === "admin" ? action.target : undefined),
};

const numbers: Readonly<Record<NumberFact, NumberReader>> = {
  port: (action) => (action.kind === "egress" ? action.port : undefined),
  bytes: (action) => (action.kind === "inference" || action.kind === "mesh.send" ? action.bytes : undefined),
  depth: (action) => (action.kind === "spawn" ? action.depth : undefined),
};

/** A text that is not well-formed Unicode counts as missing: readers disagree on what it says. */
export function textFact(fact: TextFact): TextReader {
  const read = readers[fact];
  return (action) => {
    const text = read(action);
    return text === undefined || !text.isWellFormed() ? undefined : text;
  };
}

export function numberFact(fact: NumberFact): NumberReader {
  return numbers[fact];
}

/** A control character (a NUL ends the path that the kernel reads), or a segment that is empty, "." or "..". */
const notPlain = /\p{Cc}|\/\.{0,2}(?:\/|$)/u;

/** An absolute path that is written in one way only; any other counts as missing. */
function plainPath(path: string | undefined): string | undefined {
  return path === undefined || !path.startsWith("/") || notPlain.test(path) ? undefined : path;
}
