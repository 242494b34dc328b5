/**
 * Whether the whole text matches: `*` is any run of characters, `?` any one, everything else itself. At most the product
 * of both lengths in steps, whatever they are.
 */
export function matchesGlob(pattern: string, text: string): boolean {
  let at = 0;
  let position = 0;
  // The last star, and where the text behind what it stands for begins.
  let star = -1;
  let behind = 0;
  while (position < text.length) {
    if (pattern[at] === "*") {
      star = at;
      behind = position;
      at += 1;
    } else if (pattern[at] === "?" || pattern[at] === text[position]) {
      at += 1;
      position += 1;
    } else if (star !== -1) {
      at = star + 1;
      behind += 1;
      position = behind;
    } else {
      return false;
    }
  }
  while (pattern[at] === "*") at += 1;
  return at === pattern.length;
}
