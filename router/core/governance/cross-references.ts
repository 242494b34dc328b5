import { didYouMean } from "../document/did-you-mean.ts";
import { entryOf, type MapNode, type ScalarNode } from "../document/document-node.ts";
import type { Condition } from "../document/object-shape.ts";
import { quoted } from "../document/quoted.ts";
import { idsUnder } from "../document/unique-ids.ts";
import { ACTION_KINDS, type ActionKind } from "./action-kind.ts";
import { reportKey } from "./limit-key.ts";
import { FUNCTION } from "./mcp-server-shape.ts";

/** A rule that names a server or a peer which the document does not define would never match it. */
export const knownNames: Condition<unknown> = {
  check(_values, map, report) {
    const trust = entryOf(map, "trust")?.value;
    const servers = [FUNCTION, ...Array.from(idsUnder(map, "mcp", "id"), ({ text }) => text)];
    const peers = trust?.kind === "map" ? Array.from(idsUnder(trust, "peers", "id"), ({ text }) => text) : [];
    const tables = [
      {
        fact: "server",
        code: "unknown_server",
        what: "No MCP server has the id",
        known: servers,
        ids: new Set(servers),
      },
      { fact: "peer", code: "unknown_peer", what: "No peer has the id", known: peers, ids: new Set(peers) },
    ];
    for (const rule of mapsUnder(map, "rules")) {
      for (const { fact, code, what, known, ids } of tables) {
        for (const name of namesIn(rule, fact)) {
          if (ids.has(name.text)) continue;
          const meant = report.full ? "" : didYouMean(name.text, known);
          report.add(name, code, `${what} ${quoted(name.text)}${meant}.`);
        }
      }
    }
  },
};

/** What stands under `in` of a fact, in `when` and in `unless`. */
function* namesIn(rule: MapNode, fact: string): Generator<ScalarNode> {
  for (const key of ["when", "unless"]) {
    const written = entryOf(rule, key)?.value;
    const test = written?.kind === "map" ? entryOf(written, fact)?.value : undefined;
    const list = test?.kind === "map" ? entryOf(test, "in")?.value : undefined;
    for (const item of list?.kind === "list" ? list.items : []) if (item.kind === "scalar") yield item;
  }
}

interface Limited {
  readonly limits: readonly { readonly actions: ReadonlySet<ActionKind> | undefined }[];
}

/** A limit without `actions` is about every kind. */
export const keysOfLimits: Condition<Limited> = {
  check({ limits }, map, report) {
    // Where one of them could not be read there are none to go by, and problems enough.
    for (const [at, written] of mapsUnder(map, "limits").entries()) {
      const limit = limits?.[at];
      if (limit !== undefined)
        reportKey(written, limit.actions === undefined ? ACTION_KINDS : [...limit.actions], report);
    }
  },
};

function mapsUnder(map: MapNode, key: string): readonly MapNode[] {
  const found = entryOf(map, key)?.value;
  return found?.kind === "list" ? found.items.filter((item) => item.kind === "map") : [];
}
