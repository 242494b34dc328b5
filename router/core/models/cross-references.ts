import { didYouMean } from "../document/did-you-mean.ts";
import { type DocumentNode, entryOf, type MapNode, type ScalarNode } from "../document/document-node.ts";
import type { Condition } from "../document/object-shape.ts";
import { quoted } from "../document/quoted.ts";
import type { Report } from "../document/report.ts";
import { idsUnder } from "../document/unique-ids.ts";
import type { InferencePolicyDocument } from "./inference-policy.ts";

const RULE_LISTS = ["budgets", "rateLimits", "guardrails"] as const;

/** No name or alias of a model is that of another, since a request says nothing but the name. */
export const uniqueModelNames: Condition<unknown> = {
  check(_values, map, report) {
    const seen = new Map<string, ScalarNode>();
    for (const item of mapsUnder(map, "models")) {
      for (const name of [...scalarAt(item, "name"), ...scalarsUnder(item, "aliases")]) {
        const first = seen.get(name.text);
        if (first === undefined) {
          seen.set(name.text, name);
        } else {
          const message = `${quoted(name.text)} stands in line ${report.lineOf(first.at)} already: each name and alias is used once.`;
          report.add(name, "duplicate_name", message);
        }
      }
    }
  },
};

export const knownProviders: Condition<unknown> = {
  check(_values, map, report) {
    const known = Array.from(idsUnder(map, "providers", "id"), ({ text }) => text);
    const ids = new Set(known);
    const judge = (name: ScalarNode): void => {
      if (!ids.has(name.text)) refuse(report, name, "unknown_provider", "No provider has the id", known);
    };
    for (const model of mapsUnder(map, "models"))
      for (const name of idsUnder(model, "targets", "provider")) judge(name);
    for (const guardrail of mapsUnder(map, "guardrails")) {
      const moderation = entryOf(guardrail, "moderation")?.value;
      if (moderation?.kind === "map") for (const name of scalarAt(moderation, "provider")) judge(name);
    }
  },
};

/** Rules name models by their names: an alias may move to another model, and a rule must not move with it unseen. */
export const knownModels: Condition<unknown> = {
  check(_values, map, report) {
    const known = Array.from(idsUnder(map, "models", "name"), ({ text }) => text);
    const names = new Set(known);
    const owners = new Map<string, string>();
    for (const model of mapsUnder(map, "models")) {
      const [name] = scalarAt(model, "name");
      for (const alias of scalarsUnder(model, "aliases")) owners.set(alias.text, name?.text ?? "");
    }
    for (const rules of RULE_LISTS) {
      for (const rule of mapsUnder(map, rules)) {
        for (const name of scalarsUnder(rule, "models")) {
          if (names.has(name.text)) continue;
          const owner = owners.get(name.text);
          if (owner === undefined) refuse(report, name, "unknown_model", "No model has the name", known);
          else report.add(name, "unknown_model", `${quoted(name.text)} is an alias: write ${quoted(owner)}.`);
        }
      }
    }
  },
};

type Policy = Pick<InferencePolicyDocument, "providers" | "models" | "budgets" | "guardrails">;

/** What has no price would cost nothing, and a budget in dollars would never end. */
export const pricedUnderBudgets: Condition<Policy> = {
  check({ models, budgets }, map, report) {
    const unpriced = models?.filter(({ price }) => price === undefined) ?? [];
    const places = itemsUnder(map, "budgets");
    for (const [at, { unit, models: named }] of (budgets ?? []).entries()) {
      const free = unit === "cost" ? unpriced.filter(({ name }) => named?.has(name) ?? true) : [];
      const [first, ...more] = free;
      if (first === undefined) continue;
      const place = places[at];
      const usd = place?.kind === "map" ? entryOf(place, "usd")?.value : undefined;
      const others = more.length === 0 ? "" : ` (and ${more.length} more)`;
      const message = `This budget counts dollars, and the model ${quoted(first.name)}${others} has no price.`;
      report.add(usd ?? place ?? map, "unpriced_model", message);
    }
  },
};

export const moderationAtOpenai: Condition<Policy> = {
  check({ providers, guardrails }, map, report) {
    // Of two with one id, which is a problem of its own, the first counts.
    const apis = new Map(providers?.toReversed().map(({ id, api }) => [id, api]));
    const places = itemsUnder(map, "guardrails");
    for (const [at, { check }] of (guardrails ?? []).entries()) {
      const api = check.kind === "moderation" ? apis.get(check.provider) : undefined;
      if (api === undefined || api === "openai") continue;
      const message = `The moderation API is OpenAI's, and this provider speaks ${api}.`;
      report.add(places[at] ?? map, "moderation_not_applicable", message);
    }
  },
};

function refuse(report: Report, name: ScalarNode, code: string, what: string, known: readonly string[]): void {
  const meant = report.full ? "" : didYouMean(name.text, known);
  report.add(name, code, `${what} ${quoted(name.text)}${meant}.`);
}

function itemsUnder(map: MapNode, key: string): readonly DocumentNode[] {
  const found = entryOf(map, key)?.value;
  return found?.kind === "list" ? found.items : [];
}

function mapsUnder(map: MapNode, key: string): readonly MapNode[] {
  return itemsUnder(map, key).filter((item) => item.kind === "map");
}

function scalarsUnder(map: MapNode, key: string): readonly ScalarNode[] {
  return itemsUnder(map, key).filter((item) => item.kind === "scalar");
}

/** One or none. */
function scalarAt(map: MapNode, key: string): readonly ScalarNode[] {
  const found = entryOf(map, key)?.value;
  return found?.kind === "scalar" ? [found] : [];
}
