import { fail, ok, type Result } from "../base/result.ts";

const MAXIMUM_DEPTH = 8;
const MAXIMUM_ELEMENTS = 64;
const NAME = /^[A-Za-z][A-Za-z0-9]{0,63}$/;

/**
 * The texts of the elements that hold no others, by path ("Root/Child/Leaf"), of the XML that the AWS query APIs write:
 * elements and texts, nothing else of XML but one declaration. A path must not come twice. No entity is resolved: a text
 * with "&" is there, but as it stands. Linear in the text's length, which the caller bounds.
 */
export function parseStsXml(text: string): Result<ReadonlyMap<string, string>, string> {
  const leaves = new Map<string, string>();
  const open: { readonly name: string; readonly path: string; hasChildren: boolean }[] = [];
  let elements = 0;
  let at = afterDeclaration(text);
  let begun = false;
  while (at < text.length) {
    const start = text.indexOf("<", at);
    const end = start === -1 ? -1 : text.indexOf(">", start);
    if (end === -1) break;
    const between = text.slice(at, start);
    const tag = text.slice(start + 1, end);
    const top = open.at(-1);
    at = end + 1;
    if (tag.startsWith("/")) {
      if (top === undefined || tag.slice(1) !== top.name) return fail("The XML is not well-formed.");
      open.pop();
      if (!top.hasChildren) leaves.set(top.path, between);
      else if (between.trim() !== "") return fail("The XML is not of a known form.");
      continue;
    }
    if (between.trim() !== "" || (top === undefined && begun)) return fail("The XML is not of a known form.");
    begun = true;
    elements += 1;
    const empty = tag.endsWith("/");
    const name = nameOf(empty ? tag.slice(0, -1) : tag);
    if (name === undefined || open.length >= MAXIMUM_DEPTH || elements > MAXIMUM_ELEMENTS) {
      return fail("The XML is not of a known form.");
    }
    const path = top === undefined ? name : `${top.path}/${name}`;
    if (leaves.has(path)) return fail("The XML says a thing twice.");
    if (top !== undefined) top.hasChildren = true;
    // Taken by an element with children too, so that it cannot come again.
    leaves.set(path, "");
    if (!empty) open.push({ name, path, hasChildren: false });
  }
  if (!begun || open.length > 0 || text.slice(at).trim() !== "") return fail("The XML is not well-formed.");
  return ok(leaves);
}

/** The element's name; attributes may be there and do not count. Undefined for `<!`, `<?` and what else is no element. */
function nameOf(tag: string): string | undefined {
  const blank = tag.search(/\s/);
  const name = blank === -1 ? tag : tag.slice(0, blank);
  return NAME.test(name) ? name : undefined;
}

function afterDeclaration(text: string): number {
  const start = text.startsWith("\ufeff") ? 1 : 0;
  if (!text.startsWith("<?xml ", start)) return start;
  const end = text.indexOf("?>", start);
  return end === -1 ? text.length : end + 2;
}
