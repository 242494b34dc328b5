import type { ItemShape } from "../../../router/core/json/item-shapes.ts";
import type { ScanPlan } from "../../../router/core/json/scan-plan.ts";

export interface OracleMember {
  readonly keyAt: number;
  readonly at: number;
  readonly end: number;
  readonly value: unknown;
  readonly index: number;
  readonly commaBefore: number | undefined;
  readonly commaAfter: number | undefined;
}

export type OracleVerdict =
  /** The codes of all that is wrong with it; the scan gives the first that it meets. */
  | { readonly ok: false; readonly codes: ReadonlySet<string> }
  | {
      readonly ok: true;
      readonly members: ReadonlyMap<string, OracleMember>;
      readonly long: ReadonlySet<string>;
      readonly items: ReadonlyMap<string, { readonly items: number; readonly numbers: number }>;
      readonly counts: ReadonlyMap<string, number>;
      readonly shapes: readonly ItemShape[];
      readonly size: number;
      readonly open: number;
      readonly close: number;
      readonly length: number;
    };

interface Token {
  readonly text: string;
  readonly index: number;
}

interface Member extends Token {
  readonly name: string;
  readonly first: Token;
  last: Token;
  readonly names: (readonly string[])[];
}

const TOKEN = /"[^"\\]*(?:\\[^][^"\\]*)*"|[{}[\],:]|[^\s{}[\],:"]+/g;
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** What to expect of a scan: by the platform's decoder and parser, and for offsets by cutting the whole text into tokens. */
export function oracleOf(plan: ScanPlan, octets: Uint8Array): OracleVerdict {
  const text = textOf(octets);
  if (text === undefined) return refused("not_utf8", "malformed", "cut_short", "not_object");
  let whole: unknown;
  try {
    whole = JSON.parse(text);
  } catch {
    return refused("malformed", "cut_short", "not_object");
  }
  if (typeof whole !== "object" || whole === null || Array.isArray(whole)) return refused("not_object");
  return read(plan, text, whole as Record<string, unknown>);
}

function textOf(octets: Uint8Array): string | undefined {
  try {
    return decoder.decode(octets);
  } catch {
    return undefined;
  }
}

/** Not UTF-8, not JSON: anything else can be met before that. */
function refused(...codes: string[]): OracleVerdict {
  const before = [
    "too_deep",
    "duplicate_member",
    "ambiguous_member",
    "name_too_long",
    "too_many_members",
    "value_too_long",
  ];
  return { ok: false, codes: new Set(codes.includes("malformed") ? [...codes, ...before] : codes) };
}

function read(plan: ScanPlan, text: string, whole: Record<string, unknown>): OracleVerdict {
  const tokens: Token[] = [...text.matchAll(TOKEN)].map((match) => ({ text: match[0], index: match.index }));
  const octetsBefore = (index: number): number => Buffer.byteLength(text.slice(0, index));
  const endOf = (token: Token): number => octetsBefore(token.index + token.text.length);
  const codes = new Set<string>();
  const counts = new Map<string, number>();
  const members: Member[] = [];
  const commas: number[] = [];
  /** The names in each open object. */
  const open: string[][] = [];
  for (const [index, token] of tokens.entries()) {
    const member = members.at(-1);
    if (token.text === "{" || token.text === "[") open.push([]);
    if (open.length > plan.depth) codes.add("too_deep");
    const isName = tokens[index + 1]?.text === ":";
    if (isName) {
      const name = JSON.parse(token.text) as string;
      if (!name.isWellFormed()) codes.add("ambiguous_member");
      if (plan.count.has(name)) counts.set(name, (counts.get(name) ?? 0) + 1);
      open.at(-1)?.push(name);
      const first = tokens[index + 2];
      if (open.length === 1 && first !== undefined) members.push({ ...token, name, first, last: first, names: [] });
    }
    if (open.length === 1 && token.text === ",") commas.push(octetsBefore(token.index));
    else if (member !== undefined && !isName && token.text !== ":" && (open.length > 1 || token.text !== "}"))
      member.last = token;
    if (token.text === "}" || token.text === "]") {
      const names = open.pop() ?? [];
      if (open.length > 0) member?.names.push(names);
    }
  }
  const names = members.map(({ name }) => name);
  if (new Set(names).size !== names.length) codes.add("duplicate_member");
  if (names.length > 512) codes.add("too_many_members");
  const found = new Map<string, OracleMember>();
  const long = new Set<string>();
  const items = new Map<string, { readonly items: number; readonly numbers: number }>();
  for (const [index, member] of members.entries()) {
    if (Buffer.byteLength(member.text) - 2 > 1024) codes.add("name_too_long");
    const value = whole[member.name];
    if (plan.items.has(member.name) && Array.isArray(value)) {
      items.set(member.name, {
        items: value.length,
        numbers: value.filter((item) => typeof item === "number").length,
      });
    }
    const limit = plan.capture.get(member.name);
    if (limit === undefined) {
      const listed = [...plan.items, ...(plan.shapes === undefined ? [] : [plan.shapes.list])];
      const known = [...plan.capture.keys(), ...listed];
      if (!listed.includes(member.name) && known.some((name) => likes(name, member.name)))
        codes.add("ambiguous_member");
      continue;
    }
    const [at, end] = [octetsBefore(member.first.index), endOf(member.last)];
    if (end - at > limit && plan.optional.has(member.name)) {
      long.add(member.name);
      continue;
    }
    if (end - at > limit) codes.add("value_too_long");
    if (member.names.some((inner) => new Set(inner).size !== inner.length)) codes.add("duplicate_member");
    found.set(member.name, {
      keyAt: octetsBefore(member.index),
      at,
      end,
      value: whole[member.name],
      index,
      commaBefore: commas[index - 1],
      commaAfter: commas[index],
    });
  }
  if (codes.size > 0) return { ok: false, codes };
  const tree = treeOf(tokens);
  for (const name of watchedIn(plan, tree)) counts.set(name, (counts.get(name) ?? 0) + 1);
  const [first, last] = [tokens[0], tokens.at(-1)];
  if (first === undefined || last === undefined) throw new Error("an object without tokens");
  return {
    ok: true,
    members: found,
    long,
    items,
    counts,
    shapes: shapesIn(plan, tree, text),
    size: members.length,
    open: endOf(first),
    close: octetsBefore(last.index),
    length: Buffer.byteLength(text),
  };
}

/** A value with all its members, those of one name too. */
interface Tree {
  readonly first: Token;
  readonly last: Token;
  readonly members: readonly { readonly name: string; readonly token: Token; readonly value: Tree }[];
  readonly items: readonly Tree[];
}

function treeOf(tokens: readonly Token[]): Tree {
  let at = 0;
  const next = (): Token => {
    const token = tokens[at++];
    if (token === undefined) throw new Error("the tokens end within a value");
    return token;
  };
  const value = (): Tree => {
    const first = next();
    const members: Tree["members"][number][] = [];
    const items: Tree[] = [];
    if (first.text !== "{" && first.text !== "[") return { first, last: first, members, items };
    for (;;) {
      const text = tokens[at]?.text;
      if (text === "}" || text === "]") return { first, last: next(), members, items };
      if (text === ",") at++;
      else if (first.text === "[") items.push(value());
      else {
        const token = next();
        at++;
        members.push({ name: JSON.parse(token.text) as string, token, value: value() });
      }
    }
  };
  return value();
}

const WORDS = new Set(["null", "true", "false"]);

/** The watched names that have a value and are not within what is not read. */
function watchedIn(plan: ScanPlan, whole: Tree): string[] {
  const found: string[] = [];
  const look = (tree: Tree, unread: ReadonlySet<string>): void => {
    for (const item of tree.items) look(item, unread);
    for (const { name, value } of tree.members) {
      const watched = [...plan.watch].find((one) => likes(one, name));
      if (watched !== undefined && !plan.count.has(name) && !WORDS.has(value.first.text)) found.push(watched);
      if (!unread.has(name)) look(value, unread);
    }
  };
  for (const member of whole.members) {
    look({ ...whole, members: [{ ...member, value: { ...member.value, members: [], items: [] } }] }, new Set());
    const unread = plan.unread.get(member.name) ?? new Set();
    if (unread !== "all") look(member.value, unread);
  }
  return found;
}

function shapesIn({ shapes: wish }: ScanPlan, whole: Tree, text: string): ItemShape[] {
  const list = whole.members.find(({ name }) => name === wish?.list)?.value;
  if (wish === undefined || list === undefined) return [];
  const found = new Map<string, ItemShape>();
  const add = (shape: ItemShape): void => {
    const key = JSON.stringify([shape.kind ?? null, [...shape.has], [...shape.once], [...shape.full]]);
    if (!found.has(key)) found.set(key, shape);
  };
  const unknown: ItemShape = { kind: "", has: new Set(wish.names), once: new Set(), full: new Set() };
  if (list.first.text === "{") add(unknown);
  for (const item of [...list.items, ...list.members.map(({ value }) => value)]) {
    if (item.first.text === "[") add(unknown);
    if (item.first.text === "{") add(shapeOf(item));
  }
  return [...found.values()];

  function shapeOf({ members }: Tree): ItemShape {
    const kinds = members.filter(({ name, value }) => name === wish?.kind && !WORDS.has(value.first.text));
    const [kind] = kinds;
    const named = (wish?.names ?? []).map((name) => members.filter((member) => member.name === name));
    const full = named.filter(([one, other]) => one !== undefined && other === undefined && isFull(one.value));
    const has = named.filter((all) => all.some(({ value }) => !WORDS.has(value.first.text)));
    return {
      kind: kind === undefined ? undefined : kinds.length > 1 ? "" : kindOf(kind),
      has: new Set(has.flatMap(([one]) => one?.name ?? [])),
      once: new Set(has.flatMap((all) => (all.length === 1 ? (all[0]?.name ?? []) : []))),
      full: new Set(full.flatMap(([one]) => one?.name ?? [])),
    };
  }

  function kindOf({ token, value }: Tree["members"][number]): string {
    const end = value.first.index + value.first.text.length;
    const length = Buffer.byteLength(text.slice(token.index + token.text.length, end));
    return length > 96 || value.first.text.includes("\\") || !value.first.text.startsWith('"')
      ? ""
      : value.first.text.slice(1, -1);
  }
}

function isFull({ first, members, items }: Tree): boolean {
  if (first.text.startsWith('"')) return first.text !== '""';
  return members.length + items.length > 0;
}

/** Whether a reader that ignores case, or stops at U+0000, takes one name for the other. By the platform's own folding. */
function likes(name: string, other: string): boolean {
  const seen = other.split("\0")[0] ?? "";
  const pattern = new RegExp(`^${RegExp.escape(name)}$`, "iu");
  return pattern.test(seen) || pattern.test(seen.replaceAll(/[\u0130\u0131]/g, "i"));
}
