export interface DataUrl {
  readonly mediaType: string;
  /** In base64. */
  readonly data: string;
}

const MAXIMUM_HEAD = 128;
const HEAD = /^data:([A-Za-z0-9.+-]+\/[A-Za-z0-9.+-]+);base64$/i;

/** `data:<media type>;base64,<data>` (RFC 2397) without other parameters; undefined for any other text. Many write `image/jpg`. */
export function parseDataUrl(url: string): DataUrl | undefined {
  const comma = url.slice(0, MAXIMUM_HEAD).indexOf(",");
  const head = comma < 0 ? null : HEAD.exec(url.slice(0, comma));
  if (head === null) return undefined;
  const [, mediaType = ""] = head;
  const type = mediaType.toLowerCase();
  return { mediaType: type === "image/jpg" ? "image/jpeg" : type, data: url.slice(comma + 1) };
}

export function dataUrl({ mediaType, data }: DataUrl): string {
  return `data:${mediaType};base64,${data}`;
}

/** Whether a provider may be asked to fetch it. */
export function isWebUrl(url: string): boolean {
  const scheme = url.slice(0, 8).toLowerCase();
  return scheme.startsWith("https://") || scheme.startsWith("http://");
}

/** The types of image that both APIs take. */
export const IMAGE_TYPES: ReadonlySet<string> = new Set(["image/jpeg", "image/png", "image/gif", "image/webp"]);

export const PDF = "application/pdf";
