/** HTTP status and text of a refusal. */
export type ProblemRow = readonly [status: number, text: string];

const known: Record<string, ProblemRow> = Object.create(null);

/**
 * Adds the refusals of a room. Each room brings its own (`*-refusal.ts`), so that a bundle has the texts of the checks in it, and of
 * no others. Only the modules that `sideEffects` of package.json names call it as they load.
 */
export function addProblems(rows: Readonly<Record<string, ProblemRow>>): void {
  Object.assign(known, rows);
}

export function problemOf(code: string): ProblemRow {
  return known[code] ?? [500, 'Something went wrong here.'];
}
