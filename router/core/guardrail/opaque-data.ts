const OPAQUE = 1;
const WRITTEN = 2;
/** Objects whose `data` is sound: OpenAI's `input_audio` and `audio`. */
const SOUNDS = new Set(["input_audio", "audio"]);
const MEDIA_TYPE_MEMBERS = new Set(["media_type", "mime_type", "mimeType"]);
/** `redacted_thinking` is encrypted for the provider that made it. */
const OPAQUE_TYPES = new Set(["base64", "redacted_thinking"]);
const KINDS = new Set(["image", "audio", "video", "font"]);
/** Besides images, sounds and films. */
const BINARY_TYPES = new Set(
  (
    "application/pdf application/octet-stream application/zip application/gzip application/msword " +
    "application/vnd.ms-excel application/vnd.ms-powerpoint " +
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document " +
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet " +
    "application/vnd.openxmlformats-officedocument.presentationml.presentation"
  ).split(" "),
);

/** What an object's own place, and then each string beside `data` in it, says of `data`: bits for `isOpaque`. */
export function signOfPlace(member: string): number {
  return SOUNDS.has(member) ? OPAQUE : 0;
}

export function signOfMember(member: string, value: string): number {
  if (member === "type") return OPAQUE_TYPES.has(value) ? OPAQUE : value === "text" ? WRITTEN : 0;
  if (!MEDIA_TYPE_MEMBERS.has(member)) return 0;
  return isBinary(value) ? OPAQUE : WRITTEN;
}

/** Whether `data` is octets that nobody reads as text. It is so only where something says it and nothing says otherwise. */
export function isOpaque(signs: number): boolean {
  return signs === OPAQUE;
}

/** RFC 2045 section 5.1: whatever the case and the parameters. What ends in "+xml" or "+json" is text (RFC 6839). */
function isBinary(mediaType: string): boolean {
  const [essence = ""] = mediaType.split(";", 1);
  const type = essence.trim().toLowerCase();
  if (type.includes("+")) return false;
  return BINARY_TYPES.has(type) || KINDS.has(type.slice(0, type.indexOf("/")));
}
