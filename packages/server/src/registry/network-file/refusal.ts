import { Problem } from '../../kernel/problem.ts';

/** Why a network file is refused, and where: an RFC 6901 JSON pointer. The empty pointer is the whole file. */
export function invalid(pointer: string, what: string): Problem {
  return new Problem('network.invalid', `${pointer === '' ? 'The file' : pointer}: ${what}.`, { pointer });
}

/** RFC 6901 §3. */
export function pointerTo(...path: readonly PropertyKey[]): string {
  return path.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}
