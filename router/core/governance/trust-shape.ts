import { listUpTo } from "../document/bounded-list.ts";
import { didYouMean } from "../document/did-you-mean.ts";
import { entryOf, type MapNode, type ScalarNode } from "../document/document-node.ts";
import { defaulted, required } from "../document/field.ts";
import { integer } from "../document/integer-shape.ts";
import { type Condition, object } from "../document/object-shape.ts";
import { quoted } from "../document/quoted.ts";
import type { Shape } from "../document/shape.ts";
import { idsUnder, uniqueIds } from "../document/unique-ids.ts";
import type { Trust } from "../peer/trust.ts";
import { ruleId } from "../policy/rule-parts.ts";
import { peer, SELF } from "./peer-shape.ts";

const points = integer({ minimum: 0, maximum: 1000 });

// The numbers are those of kars and AGT (research, section 1.2); perHour and decay are ours.
const rates = object({
  initial: defaulted(points, 500, "The score of a peer of which nothing is known yet."),
  reward: defaulted(points, 10, "How much a success adds."),
  penalty: defaulted(points, 50, "How much a failure takes away."),
  perHour: defaulted(points, 200, "How far a score moves within an hour at most."),
  decay: defaulted(points, 50, "Which part in a thousand of its distance from initial a score loses in an hour."),
});

/** Where two peers share an endpoint or a key, nobody could say which of them is spoken to, or speaks. */
const peersApart: Condition<unknown> = {
  check(_values, map, report) {
    const owners = new Map<string, { readonly peer: MapNode; readonly at: number }>();
    const judge = (node: ScalarNode, kind: string, of: MapNode, code: string): void => {
      const before = owners.get(`${kind} ${node.text}`);
      if (before === undefined) owners.set(`${kind} ${node.text}`, { peer: of, at: node.at });
      else if (before.peer !== of) {
        report.add(node, code, `Another peer has this ${kind} in line ${report.lineOf(before.at)} already.`);
      }
    };
    for (const item of mapsUnder(map, "peers")) {
      const endpoints = entryOf(item, "endpoints")?.value;
      for (const node of endpoints?.kind === "list" ? endpoints.items : []) {
        if (node.kind === "scalar") judge(node, "endpoint", item, "shared_endpoint");
      }
      for (const node of idsUnder(item, "keys", "spki")) judge(node, "key", item, "shared_key");
    }
  },
};

const edgesOfPeers: Condition<unknown> = {
  check(_values, map, report) {
    const known = [SELF, ...Array.from(idsUnder(map, "peers", "id"), ({ text: id }) => id)];
    const ids = new Set(known);
    const seen = new Map<string, number>();
    for (const edge of mapsUnder(map, "graph")) {
      const [from, to] = ["from", "to"].map((key) => entryOf(edge, key)?.value);
      for (const end of [from, to]) {
        if (end?.kind !== "scalar" || ids.has(end.text)) continue;
        const meant = report.full ? "" : didYouMean(end.text, known);
        report.add(end, "unknown_peer", `No peer has the id ${quoted(end.text)}${meant}.`);
      }
      if (from?.kind !== "scalar" || to?.kind !== "scalar") continue;
      const before = seen.get(`${from.text} ${to.text}`);
      if (from.text === to.text) report.add(to, "edge_to_itself", "Nobody needs leave to speak to itself.");
      else if (before !== undefined) {
        report.add(edge, "duplicate_edge", `This edge stands in line ${report.lineOf(before)} already.`);
      } else seen.set(`${from.text} ${to.text}`, edge.at);
    }
  },
};

function mapsUnder(map: MapNode, key: string): readonly MapNode[] {
  const found = entryOf(map, key)?.value;
  return found?.kind === "list" ? found.items.filter((item) => item.kind === "map") : [];
}

const edge = object({
  from: required(ruleId, 'Who speaks: the id of a peer, or "self".'),
  to: required(ruleId, 'To whom: the id of a peer, or "self".'),
});

const mayBeEmpty = { mayBeEmpty: true };

export const trust: Shape<Trust> = object(
  {
    rates: defaulted(rates, {}, "How scores move, in points of 0 to 1000."),
    peers: defaulted(listUpTo(256, peer, mayBeEmpty), [], "Agents that messages may be exchanged with."),
    graph: defaulted(
      listUpTo(4096, edge, mayBeEmpty),
      [],
      "Who may speak to whom; it counts in a signed document only.",
    ),
  },
  uniqueIds(["peers"], "id"),
  peersApart,
  edgesOfPeers,
);
