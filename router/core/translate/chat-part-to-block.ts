import { ok, type Result } from "../base/result.ts";
import type { Json } from "../json/json.ts";
import { cacheControlOf } from "./cache-control.ts";
import { IMAGE_TYPES, isWebUrl, parseDataUrl, PDF } from "./data-url.ts";
import { asObject, isAbsent, isList, isObject, type JsonObject, present, textOf } from "./json-object.ts";
import { type Refusal, refuse, within } from "./refusal.ts";

type Blocks = Result<readonly JsonObject[], Refusal>;
type ReadPart = (part: JsonObject, type: string) => Blocks;

const MAXIMUM_PARTS = 100_000;

/** A text block; none for an empty text, which Anthropic refuses. */
export function textBlock(text: string, marked: JsonObject = {}): readonly JsonObject[] {
  return text === "" ? [] : [present({ type: "text", text, cache_control: cacheControlOf(marked) })];
}

/** `content` as blocks: of a user every part that messages can hold. */
export function userBlocks(content: Json | undefined): Blocks {
  return blocksOf(content, (part, type) => {
    if (type === "image_url") return imageBlock(part);
    if (type === "file") return documentBlock(part);
    if (type === "input_audio") return refuse(".type", "Audio cannot be carried over to the model's provider.");
    return refuse(".type", "This type of content part cannot be carried over to the model's provider.");
  });
}

/** `content` as blocks, of everybody else than a user: text alone, and what an assistant refused with. */
export function textBlocks(content: Json | undefined): Blocks {
  return blocksOf(content, (part, type) => {
    const refusal = part["refusal"];
    if (type === "refusal" && typeof refusal === "string") return ok(textBlock(refusal));
    return refuse(".type", "Only text parts can be carried over to the model's provider in this message.");
  });
}

/** Null and absent content are no blocks. */
function blocksOf(content: Json | undefined, other: ReadPart): Blocks {
  if (isAbsent(content)) return ok([]);
  if (typeof content === "string") return ok(textBlock(content));
  if (!isList(content)) return refuse("", "Content must be a string or a list of parts.");
  if (content.length > MAXIMUM_PARTS) return refuse("", "There are more than 100,000 parts.");
  const blocks: JsonObject[] = [];
  for (const [index, part] of content.entries()) {
    const read = partBlocks(part, other);
    if (!read.ok) return within(`[${index}]`, read.problem);
    blocks.push(...read.value);
  }
  return ok(blocks);
}

function partBlocks(part: Json, other: ReadPart): Blocks {
  if (!isObject(part)) return refuse("", "A content part must be an object.");
  const type = part["type"];
  if (typeof type !== "string") return refuse(".type", "A content part must have a type.");
  if (type !== "text") return other(part, type);
  const text = part["text"];
  return typeof text === "string" ? ok(textBlock(text, part)) : refuse(".text", "The text of a part must be a string.");
}

function imageBlock(part: JsonObject): Blocks {
  const url = textOf(asObject(part["image_url"])?.["url"]);
  if (url === undefined) return refuse(".image_url.url", "The URL of an image must be a string.");
  const source = imageSource(url);
  if (source === undefined) {
    return refuse(".image_url.url", "An image must be an http URL, or a JPEG, PNG, GIF or WebP as a base64 data URL.");
  }
  return ok([present({ type: "image", source, cache_control: cacheControlOf(part) })]);
}

function imageSource(url: string): JsonObject | undefined {
  if (isWebUrl(url)) return { type: "url", url };
  const image = parseDataUrl(url);
  if (image === undefined || !IMAGE_TYPES.has(image.mediaType)) return undefined;
  return { type: "base64", media_type: image.mediaType, data: image.data };
}

function documentBlock(part: JsonObject): Blocks {
  const file = asObject(part["file"]);
  const data = textOf(file?.["file_data"]);
  if (data === undefined)
    return refuse(".file", "A file must carry its data: uploads are known to their provider only.");
  const document = parseDataUrl(data);
  if (document?.mediaType !== PDF) {
    return refuse(".file.file_data", "A file must be a PDF as a base64 data URL.");
  }
  return ok([
    present({
      type: "document",
      source: { type: "base64", media_type: PDF, data: document.data },
      title: textOf(file?.["filename"]),
      cache_control: cacheControlOf(part),
    }),
  ]);
}
