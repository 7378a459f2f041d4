import { isStoreFault } from './fault.ts';

/**
 * Writes many rows in one statement. If the database refuses it, each row is written alone, so that a bad row cannot
 * fail the others. If the database does not answer, this throws without another try.
 */
export async function writeRows<Row, Written>(
  rows: readonly Row[],
  write: (rows: readonly Row[]) => Promise<readonly Written[]>,
  refused: (row: Row, cause: unknown) => void,
): Promise<readonly Written[]> {
  try {
    return await write(rows);
  } catch (cause) {
    if (isStoreFault(cause)) throw cause;
    if (rows.length > 1) return writeEach(rows, write, refused);
    for (const row of rows) refused(row, cause);
    return [];
  }
}

async function writeEach<Row, Written>(
  rows: readonly Row[],
  write: (rows: readonly Row[]) => Promise<readonly Written[]>,
  refused: (row: Row, cause: unknown) => void,
): Promise<readonly Written[]> {
  const written: Written[] = [];
  for (const row of rows) written.push(...(await writeRows([row], write, refused)));
  return written;
}
