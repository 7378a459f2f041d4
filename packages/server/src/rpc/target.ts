import { Problem } from '../kernel/problem.ts';

/** The parts of a call's path: `[/realms/{realm}]/{service}/{method}`. */
export interface Target {
  /** As written in the path. */
  readonly realm: string | undefined;
  readonly procedure: string;
}

export function targetOf(url: string): Target {
  const mark = url.indexOf('?');
  const path = mark === -1 ? url : url.slice(0, mark);
  if (!path.startsWith(realms)) return { realm: undefined, procedure: path };
  const end = path.indexOf('/', realms.length);
  return end === -1
    ? { realm: undefined, procedure: path }
    : { realm: path.slice(realms.length, end), procedure: path.slice(end) };
}

const realms = '/realms/';

/**
 * The realm's name from the path or the metadata key `realm`. Two different names are refused, because guessing would
 * be wrong.
 */
export function realmNameOf(inPath: string | undefined, inMetadata: string | null, byDefault: string): string {
  if (inPath !== undefined && inMetadata !== null && inPath !== inMetadata) {
    throw new Problem('request.invalid', {
      detail: 'The path and the metadata key realm name different realms.',
      pointer: 'realm',
    });
  }
  return inPath ?? inMetadata ?? byDefault;
}
