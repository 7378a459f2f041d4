import { Problem } from '../kernel/problem.ts';
import type { Content } from './content.ts';

/** Milliseconds. */
const units: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 };

/** Milliseconds that a unary call has from its first byte to its answer, whatever it asked for. */
const longestUnary = 30_000;

/** Longest deadline of a stream. A timer set for longer would fire at once. */
const longestStream = 2 ** 31 - 1;

/** The milliseconds of this call, by its own header and our bounds. Undefined for a stream without a deadline. */
export function timeAllowed(
  { protocol }: Content,
  kind: 'unary' | 'stream',
  headers: Pick<Headers, 'get'>,
): number | undefined {
  const name = protocol === 'connect' ? 'connect-timeout-ms' : 'grpc-timeout';
  const header = headers.get(name);
  const asked = header === null ? undefined : protocol === 'connect' ? milliseconds(header) : duration(header);
  if (header !== null && asked === undefined) throw new Problem('request.invalid', { detail: `${name} is malformed.` });
  if (kind === 'unary') return Math.min(asked ?? longestUnary, longestUnary);
  return asked === undefined ? undefined : Math.min(asked, longestStream);
}

function milliseconds(header: string): number | undefined {
  return /^\d{1,10}$/.test(header) ? Number(header) : undefined;
}

/** gRPC: at most eight digits and a unit. */
function duration(header: string): number | undefined {
  const match = /^(\d{1,8})([HMSmun])$/.exec(header);
  return match === null ? undefined : Math.ceil(Number(match[1]) * (units[match[2] as string] as number));
}
