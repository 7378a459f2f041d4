/**
 * The texts of refusals. Each room that refuses brings its own (`*refusal.ts`), so that a bundle has the texts of the checks in it, and
 * of no others.
 */
const known: Record<string, string> = Object.create(null);

/** Adds the texts of a room. Only the modules that `sideEffects` of package.json names call it as they load. */
export function addTexts(texts: Readonly<Record<string, string>>): void {
  Object.assign(known, texts);
}

export function textOf(code: string): string | undefined {
  return known[code];
}
