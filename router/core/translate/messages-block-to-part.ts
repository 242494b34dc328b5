import { ok, type Result } from "../base/result.ts";
import type { Json } from "../json/json.ts";
import { dataUrl, IMAGE_TYPES, isWebUrl, PDF } from "./data-url.ts";
import { asObject, isAbsent, isList, isObject, type JsonObject, textOf, typeOf } from "./json-object.ts";
import { type Refusal, refuse, within } from "./refusal.ts";

type Parts = Result<readonly JsonObject[], Refusal>;

const MAXIMUM_BLOCKS = 100_000;

/** Content as a list of blocks; a string is one block of text. */
export function blocksOf(content: Json | undefined): Result<readonly Json[], Refusal> {
  if (typeof content === "string") return ok([{ type: "text", text: content }]);
  if (!isList(content)) return refuse("", "Content must be a string or a list of blocks.");
  return content.length > MAXIMUM_BLOCKS ? refuse("", "There are more than 100,000 blocks.") : ok(content);
}

/** A block that is not of a tool as parts of a user's message. `cache_control`, `citations` and `context` are left out. */
export function userParts(block: Json): Parts {
  if (!isObject(block)) return refuse("", "A content block must be an object.");
  switch (typeOf(block)) {
    case "text":
      return textPart(block);
    case "image":
      return imagePart(asObject(block["source"]));
    case "document":
      return documentParts(block);
    case "search_result":
      return searchResultParts(block);
    default:
      return refuse(".type", "This type of content block cannot be carried over to the model's provider.");
  }
}

export function textPart(block: Json): Parts {
  if (typeOf(block) !== "text") return refuse(".type", "Only text can be carried over to the model's provider here.");
  const text = asObject(block)?.["text"];
  if (typeof text !== "string") return refuse(".text", "The text of a block must be a string.");
  return ok(text === "" ? [] : [{ type: "text", text }]);
}

function imagePart(source: JsonObject | undefined): Parts {
  const url = imageUrl(source);
  return url === undefined
    ? refuse(".source", "An image must be an http URL, or a JPEG, PNG, GIF or WebP in base64.")
    : ok([{ type: "image_url", image_url: { url } }]);
}

function imageUrl(source: JsonObject | undefined): string | undefined {
  const url = textOf(source?.["url"]);
  if (source?.["type"] === "url") return url !== undefined && isWebUrl(url) ? url : undefined;
  const mediaType = textOf(source?.["media_type"]);
  const data = textOf(source?.["data"]);
  if (source?.["type"] !== "base64" || mediaType === undefined || data === undefined) return undefined;
  return IMAGE_TYPES.has(mediaType) ? dataUrl({ mediaType, data }) : undefined;
}

function documentParts(block: JsonObject): Parts {
  const source = asObject(block["source"]);
  const data = textOf(source?.["data"]);
  switch (typeOf(source)) {
    case "base64":
      if (source?.["media_type"] !== PDF || data === undefined) break;
      return ok([
        {
          type: "file",
          file: {
            filename: textOf(block["title"]) ?? "document.pdf",
            file_data: dataUrl({ mediaType: PDF, data }),
          },
        },
      ]);
    case "text":
      return data === undefined ? ok([]) : ok([{ type: "text", text: data }]);
    case "content": {
      const parts = plainParts(source?.["content"]);
      return parts.ok ? parts : within(".source.content", parts.problem);
    }
    default:
  }
  return refuse(".source", "A document must be text, blocks of text and images, or a PDF in base64.");
}

function plainParts(content: Json | undefined): Parts {
  const blocks = blocksOf(content);
  if (!blocks.ok) return blocks;
  const parts: JsonObject[] = [];
  for (const [index, block] of blocks.value.entries()) {
    const part = typeOf(block) === "image" ? imagePart(asObject(asObject(block)?.["source"])) : textPart(block);
    if (!part.ok) return within(`.${index}`, part.problem);
    parts.push(...part.value);
  }
  return ok(parts);
}

function searchResultParts(block: JsonObject): Parts {
  const parts = plainParts(block["content"]);
  if (!parts.ok) return within(".content", parts.problem);
  const heading = [textOf(block["title"]), textOf(block["source"])].filter((line) => line !== undefined).join("\n");
  return ok(heading === "" ? parts.value : [{ type: "text", text: heading }, ...parts.value]);
}

/** Parts as chat content: a lone text as a string, which every compatible origin takes. */
export function contentOf(parts: readonly JsonObject[]): Json {
  const [only, ...more] = parts;
  if (only === undefined) return "";
  return more.length === 0 && only["type"] === "text" && !isAbsent(only["text"]) ? only["text"] : parts;
}
