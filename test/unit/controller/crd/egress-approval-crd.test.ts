/** That the CRDs and roles say what the routers' parser and the words of the project say, without an API server. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parse, parseAllDocuments } from "yaml";
import { isApprovable } from "../../../../router/core/approval/approvable.ts";
import { egressApproval, MOST_REASON } from "../../../../router/core/approval/parse-egress-approval.ts";
import { documentSchema } from "../../../../router/core/document/document-kind.ts";
import { parseHost } from "../../../../router/core/wire/host.ts";

const FILES = join(import.meta.dirname, "../../../../charts/sluice/files");

interface Schema {
  readonly description?: string;
  readonly type?: string;
  readonly const?: string;
  readonly enum?: readonly string[];
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxItems?: number;
  readonly pattern?: string;
  readonly required?: readonly string[];
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly "x-kubernetes-validations"?: readonly { readonly rule: string; readonly message: string }[];
  readonly "x-kubernetes-preserve-unknown-fields"?: boolean;
}

interface Column {
  readonly name: string;
  readonly type: string;
  readonly jsonPath: string;
  readonly priority?: number;
}

interface Crd {
  readonly spec: {
    readonly names: { readonly shortNames: string[]; readonly categories: string[]; readonly plural: string };
    readonly scope: string;
    readonly versions: readonly [
      {
        readonly name: string;
        readonly additionalPrinterColumns: readonly Column[];
        readonly schema: { readonly openAPIV3Schema: Schema };
      },
    ];
  };
}

const crdOf = (name: string): Crd => parse(readFileSync(join(FILES, `crds/${name}.yaml`), "utf8")) as Crd;
const at = (schema: Schema, ...names: string[]): Schema =>
  names.reduce<Schema>((inner, name) => {
    const found = name === "[]" ? inner.items : inner.properties?.[name];
    assert(found !== undefined, `${names.join(".")}: no ${name}`);
    return found;
  }, schema);
const crd = crdOf("egressapprovals").spec.versions[0].schema.openAPIV3Schema;
const parser = documentSchema(egressApproval) as Schema;
const variants = at(parser, "spec", "action").anyOf ?? [];
const namesOf = (schema: Schema): string[] => Object.keys(schema.properties ?? {}).toSorted();
/** CEL does not see it. */
const UNSEEN = ["arguments", "argumentsDigest"];

const bounds = ({ description, minLength, maxLength, minimum, maximum, maxItems, enum: choices }: Schema): object => ({
  description: description?.replace(/; set by the API server's webhook to who created it/, ""),
  minLength,
  maxLength,
  minimum,
  maximum,
  maxItems,
  choices,
});

test("every member of an action is bounded as the parser says", () => {
  const action = at(crd, "spec", "action");
  const known = new Set(variants.flatMap(namesOf));
  assert.deepEqual(namesOf(action), [...known].toSorted());
  assert.deepEqual(
    action.properties?.["kind"]?.enum?.toSorted(),
    variants.map((one) => at(one, "kind").const ?? "").toSorted(),
  );
  for (const variant of variants) {
    for (const name of namesOf(variant).filter((one) => one !== "kind")) {
      const wanted = at(variant, name);
      // A number that is no safe integer is none to the parser, whatever its schema says.
      const maximum = name === "depth" ? Number.MAX_SAFE_INTEGER : wanted.maximum;
      assert.deepEqual(
        bounds(at(action, name)),
        bounds({ ...wanted, ...(maximum === undefined ? {} : { maximum }) }),
        name,
      );
    }
  }
});

test("no text that kubectl prints of an action steers a terminal or hides, and arguments are free", () => {
  const { properties = {} } = at(crd, "spec", "action");
  const { pattern } = at(crd, "spec", "reason");
  assert(pattern !== undefined);
  const columns = crdOf("egressapprovals").spec.versions[0].additionalPrinterColumns;
  const printed = columns.flatMap(({ jsonPath }) => {
    const [, one, several = ""] = /^\.spec\.action(?:\.(\w+)|\[(.*)\])$/.exec(jsonPath) ?? [];
    return one === undefined ? [...several.matchAll(/\w+/g)].map(([name]) => name) : [one];
  });
  assert.equal(printed.length, 11);
  // A host is bounded further, and is ASCII.
  const texts = printed.filter((name) => {
    const { type, enum: choices } = properties[name] ?? {};
    return type === "string" && choices === undefined && name !== "host";
  });
  const patterned = Object.keys(properties).filter((name) => properties[name]?.pattern === pattern);
  assert.deepEqual(patterned.toSorted(), [...texts, "server", "topic"].toSorted());
  assert.equal(at(crd, "spec", "action", "argv", "[]").pattern, undefined);
  const holds = new RegExp(pattern, "u");
  for (const good of ["gpt-5", "/usr/bin/git", "создать", "a b", "naïve", "/a%20b"]) assert(holds.test(good), good);
  for (const bad of ["a\u202eb", "a\u2066b", "a\u200bb", "a\nb", "a\u001b[2K", "a\u2028b", "\ufeffa"]) {
    assert(!holds.test(bad), JSON.stringify(bad));
  }
});

test("kubectl prints where a request goes, and its path last, where its length moves nothing", () => {
  const columns = crdOf("egressapprovals").spec.versions[0].additionalPrinterColumns;
  const narrow = columns.filter(({ priority = 0 }) => priority === 0).map(({ name }) => name);
  assert.deepEqual(narrow, [
    "Kind",
    "Action",
    "Port",
    "Method",
    "Phase",
    "Approved",
    "Approved-By",
    "Expires",
    "Age",
    "Path",
  ]);
  assert.equal(columns.at(-1)?.name, "Path");
});

test("a rule for each kind of action names its members, and no other's", () => {
  const rules = at(crd, "spec", "action")["x-kubernetes-validations"] ?? [];
  const had = (text: string): string[] =>
    [...text.matchAll(/(?<!!)has\(self\.(\w+)\)/g)].map(([, name]) => name ?? "").toSorted();
  const lacked = (text: string): string[] =>
    [...text.matchAll(/!has\(self\.(\w+)\)/g)].map(([, name]) => name ?? "").toSorted();
  const ofHttp = ["method", "path"];
  for (const variant of variants) {
    const kind = at(variant, "kind").const ?? "";
    const rule = rules.find((one) => one.rule.startsWith(`self.kind == '${kind}' ? `))?.rule ?? "";
    const [, yes = "", no = ""] = /\? (.*) : (.*)$/.exec(rule) ?? [];
    const seen = (name: string): boolean => name !== "kind" && !UNSEEN.includes(name) && !ofHttp.includes(name);
    assert.deepEqual(had(yes), (variant.required ?? []).filter(seen).toSorted(), kind);
    assert.deepEqual(lacked(no), namesOf(variant).filter(seen), kind);
  }
});

test("spec and status have the parser's members and bounds", () => {
  for (const path of [["spec"], ["spec", "target"]]) {
    assert.deepEqual(namesOf(at(crd, ...path)), namesOf(at(parser, ...path)));
    assert.deepEqual(at(crd, ...path).required ?? [], at(parser, ...path).required);
  }
  for (const path of ["reason", "requestedBy", "target.namespace", "target.agent", "target.pod", "uses", "revoked"]) {
    const names = ["spec", ...path.split(".")];
    assert.deepEqual(bounds(at(crd, ...names)), bounds(at(parser, ...names)), path);
  }
  assert.equal(at(crd, "spec", "reason").maxLength, MOST_REASON);
  const condition = ["status", "conditions", "[]"];
  assert.deepEqual(namesOf(at(crd, ...condition)), namesOf(at(parser, ...condition)));
  assert.deepEqual(at(crd, ...condition).required, at(parser, ...condition).required);
  assert.equal(at(crd, "status", "conditions").maxItems, at(parser, "status", "conditions").maxItems);
});

test("the blocks of special-use addresses are the parser's", () => {
  const [, , ipv4, ipv6] = at(crd, "spec", "action", "host")["x-kubernetes-validations"] ?? [];
  const blocks = [...`${ipv4?.rule} ${ipv6?.rule}`.matchAll(/'([0-9a-f.:]+)\/(\d+)'/g)].map(
    ([, address = "", bits = ""]) => ({ address, bits: Number(bits) }),
  );
  assert.equal(blocks.length, 25);
  const approvable = (text: string): boolean => {
    const host = parseHost(text.includes(":") ? `[${text}]` : text);
    assert(host.ok, text);
    return isApprovable(host.value);
  };
  // Every /16 of IPv4 and the edges of each block: who is in a block is refused, and nobody else.
  const within = (address: number): boolean =>
    blocks.some((one) => !one.address.includes(":") && (address ^ numberOf(one.address)) >>> (32 - one.bits) === 0);
  const edges = blocks
    .filter(({ address }) => !address.includes(":"))
    .flatMap(({ address, bits }) => {
      const first = numberOf(address);
      const last = (first | (2 ** (32 - bits) - 1)) >>> 0;
      return [first - 1, first, last, last + 1].filter((one) => one >= 0 && one <= 0xffff_ffff);
    });
  for (const address of [...edges, ...Array.from({ length: 65_536 }, (_, at16) => at16 * 65_536 + 257)]) {
    assert.equal(approvable(textOf(address)), !within(address), textOf(address));
  }
  for (const { address } of blocks.filter((one) => one.address.includes(":") && one.address !== "2000::")) {
    assert.equal(approvable(address), false, address);
  }
  for (const address of [
    "2001:200::1",
    "2003::1",
    "2620:4f:8001::1",
    "2620:4f:7fff::1",
    "3ffe::1",
    "3fff:1000::1",
    "2001:db7::1",
    "2001:db9::1",
  ]) {
    assert.equal(approvable(address), true, address);
  }
  for (const address of ["1fff::1", "4000::1"]) assert.equal(approvable(address), false, address);
});

function numberOf(address: string): number {
  return address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
}

function textOf(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join(".");
}

test("what was signed is neither pruned nor defaulted", () => {
  for (const name of ["egresspolicies", "inferencepolicies", "governancepolicies"]) {
    const { names, scope, versions } = crdOf(name).spec;
    assert.deepEqual(
      [names.plural, names.categories, scope, versions[0].name],
      [name, ["sluice"], "Namespaced", "v1alpha1"],
    );
    const spec = at(versions[0].schema.openAPIV3Schema, "spec");
    assert.equal(spec["x-kubernetes-preserve-unknown-fields"], true);
    assert.doesNotMatch(JSON.stringify(spec), /"default"|"format":"date-time"/);
  }
});

test("no role that others are made of may approve, and a router may only ask", () => {
  interface Role {
    readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
    readonly rules: readonly { readonly resources: readonly string[]; readonly verbs: readonly string[] }[];
  }
  const roles = readdirSync(join(FILES, "rbac"))
    .filter((file) => /^sluice-(?:router|requester|approver|viewer)\.yaml$/.test(file))
    .flatMap((file) => parseAllDocuments(readFileSync(join(FILES, "rbac", file), "utf8")))
    .map((document) => document.toJS() as Role);
  assert.equal(roles.length, 4);
  for (const { metadata, rules } of roles) {
    const verbs = rules.flatMap((rule) => rule.verbs);
    const resources = rules.flatMap((rule) => rule.resources);
    const isAggregated = Object.keys(metadata.labels ?? {}).some((label) => label.includes("aggregate-to"));
    assert(!verbs.includes("*") && !resources.includes("*") && !verbs.includes("reconcile"), metadata.name);
    assert.equal(verbs.includes("approve"), metadata.name === "sluice-approver");
    assert.equal(resources.includes("egressapprovals/status"), metadata.name === "sluice-approver");
    assert(!(isAggregated && verbs.includes("approve")), metadata.name);
    if (metadata.name === "sluice-router") assert.deepEqual(verbs, ["get", "list", "watch", "create"]);
    if (metadata.name === "sluice-viewer") assert.deepEqual(verbs, ["get", "list", "watch"]);
  }
});
