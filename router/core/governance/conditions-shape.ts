import type { Tier } from "../peer/trust.ts";
import { TIER_BOUNDS } from "../peer/trust.ts";
import { boolean } from "../document/boolean-shape.ts";
import { listUpTo } from "../document/bounded-list.ts";
import { choice } from "../document/choice-shape.ts";
import { atLeastOneOf, exactlyOneOf } from "../document/conditions.ts";
import { optional, required } from "../document/field.ts";
import { integer } from "../document/integer-shape.ts";
import { object } from "../document/object-shape.ts";
import { port } from "../document/port-shape.ts";
import { refined } from "../document/refined-shape.ts";
import type { Shape } from "../document/shape.ts";
import { size } from "../document/size-shape.ts";
import { text } from "../document/text-shape.ts";
import { ruleId } from "../policy/rule-parts.ts";
import { argument } from "./argument-shape.ts";
import type { Condition, NumberFact, TextFact } from "./governance-policy.ts";
import { host, path } from "./host-test-shape.ts";
import { numberTest } from "./number-test-shape.ts";
import { glob, SOME_TEXT, textTest, textTestFields, textTestOf } from "./text-test-shape.ts";
import { workingHours } from "./working-hours-shape.ts";

/** Real paths are compared: what is not one would never match, and a deny rule that never fires is a trap. */
const realPath = text({
  code: "not_a_real_path",
  pattern: /^\/(?:(?!\.{1,2}(?:\/|$))[^/]+(?:\/(?!\.{1,2}(?:\/|$))[^/]+)*)?$/,
  hint: "a real path is absolute, without . and .. and without a slash at its end.",
});
const realPathGlob: Shape<string> = refined(
  glob,
  (given, node, report) => {
    if (/^[/*?]/.test(given)) return given;
    report.add(
      node,
      "not_a_real_path",
      'Real paths are absolute: begin the glob with "/", or with "*/" for any directory.',
    );
    return undefined;
  },
  { allOf: [{ pattern: "^[/*?]" }] },
);
const method = text({
  code: "bad_method",
  pattern: /^[A-Z][A-Z0-9_-]{0,31}$/,
  hint: "a method is written in upper case, such as GET.",
});

function textCondition(fact: TextFact, item?: Shape<string>, globItem?: Shape<string>): Shape<Condition> {
  return refined(textTest(item, globItem), (test): Condition => ({ kind: "text", fact, test }));
}

function numberCondition(fact: NumberFact, item: Shape<number>): Shape<Condition> {
  return refined(numberTest(item), (test): Condition => ({ kind: "number", fact, test }));
}

const argv: Shape<Condition> = refined(
  object(
    {
      some: optional(textTest(), "One of the arguments, or more, must pass."),
      every: optional(textTest(), "All arguments must pass; none is all."),
    },
    exactlyOneOf(["some", "every"], "bad_argv", 'Arguments are tested by either "some" or "every".'),
  ),
  ({ some, every }): Condition | undefined => {
    if (some !== undefined) return { kind: "texts", fact: "argv", of: "some", test: some };
    return every === undefined ? undefined : { kind: "texts", fact: "argv", of: "every", test: every };
  },
);

/** As Kubernetes writes the keys of labels. */
const labelName = text({
  code: "bad_label",
  pattern: /^(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?\/)?[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/,
  hint: "a label is named as Kubernetes names it, such as app or example.com/team.",
});

const label: Shape<Condition> = refined(
  object({ name: required(labelName, "The label's key."), ...textTestFields() }, SOME_TEXT),
  ({ name, ...test }): Condition => ({ kind: "label", name, test: textTestOf(test) }),
);

const TIERS = TIER_BOUNDS.map(([name]) => name);
const tierName: Shape<Tier> = choice(...TIERS);

const tier: Shape<Condition> = refined(
  object(
    { from: optional(tierName, "This tier and those above."), below: optional(tierName, "Those below this tier.") },
    atLeastOneOf(["from", "below"], "empty_test", 'A test of the tier needs "from" or "below".'),
  ),
  ({ from, below }, node, report): Condition | undefined => {
    if (below === undefined || TIERS.indexOf(from ?? "anonymous") < TIERS.indexOf(below)) {
      return { kind: "tier", from, below };
    }
    report.add(node, "empty_range", `No tier is ${from ?? "anonymous"} or above and below ${below}.`);
    return undefined;
  },
);

const facts = {
  model: optional(textCondition("model"), "inference, tool: the policy's name of the model."),
  provider: optional(textCondition("provider"), "inference: the id of the provider."),
  api: optional(textCondition("api"), "inference: the API, such as chat or messages."),
  stream: optional(
    refined(boolean, (value): Condition => ({ kind: "flag", fact: "stream", value })),
    "inference: whether a stream is asked for.",
  ),
  bytes: optional(numberCondition("bytes", size), "inference, mesh.send: octets of what is sent."),
  host: optional(host, "egress: the host."),
  port: optional(numberCondition("port", port), "egress: the port."),
  protocol: optional(textCondition("protocol", choice("tls", "http", "tcp")), "egress: tls, http or tcp."),
  method: optional(textCondition("method", method), "egress: the method, unknown in a tunnel."),
  path: optional(path, "egress: the path without its query, unknown in a tunnel."),
  program: optional(textCondition("program", realPath, realPathGlob), "exec: the real path of the program."),
  argv: optional(argv, "exec: the arguments without the program."),
  directory: optional(textCondition("directory", realPath, realPathGlob), "exec: the working directory."),
  agent: optional(textCondition("agent"), "spawn: what is started."),
  image: optional(textCondition("image"), "spawn: its image."),
  depth: optional(
    numberCondition("depth", integer({ minimum: 0, maximum: 1000 })),
    "spawn: how many agents stand above it.",
  ),
  server: optional(textCondition("server", ruleId), 'tool: the id of an MCP server, or "function".'),
  tool: optional(textCondition("tool"), "tool: the name of the tool."),
  arguments: optional(listUpTo(64, argument), "tool: what it is called with; all of these must hold."),
  peer: optional(textCondition("peer", ruleId), "mesh.send: the id of a peer."),
  topic: optional(textCondition("topic"), "mesh.send: the topic."),
  tier: optional(tier, "mesh.send: the peer's tier of trust."),
  operation: optional(textCondition("operation"), "admin: the operation."),
  target: optional(textCondition("target"), "admin: what it is about."),
  labels: optional(listUpTo(32, label), "Labels of the pod; all of these must hold."),
  time: optional(
    refined(workingHours, (hours): Condition => ({ kind: "time", hours })),
    "The time by the router's clock.",
  ),
};

/** `when` or `unless`: all of it must hold. In the order of the facts here, whatever the order of the document. */
export const conditions: Shape<readonly Condition[]> = refined(object(facts), (given): readonly Condition[] =>
  Object.values(given)
    .flat()
    .filter((condition) => condition !== undefined),
);
