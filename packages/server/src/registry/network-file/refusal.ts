import { Problem } from '../../kernel/problem.ts';

/** The refusal of a network file, with the RFC 6901 JSON pointer of the fault. The empty pointer is the whole file. */
export function invalid(pointer: string, what: string): Problem {
  return new Problem('network.invalid', { detail: `${pointer === '' ? 'The file' : pointer}: ${what}.`, pointer });
}

/** RFC 6901 §3. */
export function pointerTo(...path: readonly PropertyKey[]): string {
  return path.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}
