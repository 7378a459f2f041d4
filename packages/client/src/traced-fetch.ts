import { callable, optional } from '@countersign/proof/argument';
import type { Fetch } from './fetch-json.ts';

/** What all copies of OpenTelemetry's API in a process share, under this symbol. The SDK does not depend on the API. */
interface Registered {
  readonly context?: { active(): unknown };
  readonly propagation?: { inject(context: unknown, carrier: Headers, setter: Setter): void };
}
interface Setter {
  set(carrier: Headers, key: string, value: string): void;
}

/** Baggage would go to other organisations. */
const passedOn: ReadonlySet<string> = new Set(['traceparent', 'tracestate']);
const setter: Setter = {
  set: (headers, name, value) => {
    if (passedOn.has(name.toLowerCase())) headers.set(name, value);
  },
};

/**
 * A fetch that tells the other side the trace of the caller (W3C `traceparent`), for programs with OpenTelemetry: without it,
 * nothing is added. Give it to any function here that takes a `fetch`. Do not use it together with an instrumentation of
 * fetch, which adds the same field.
 *
 * @throws {TypeError} if it is not a function
 * @example
 * const source = createTokenSource({ ...realm, ...secrets.agent, fetch: tracedFetch(realm.fetch), now: clock });
 * (await source.token()).split('.').length; // → 3
 */
export function tracedFetch(fetch?: Fetch): Fetch {
  optional(callable)(fetch, 'fetch');
  return (url, init) => {
    const { context, propagation } =
      (globalThis as unknown as Readonly<Record<symbol, Registered | undefined>>)[
        Symbol.for('opentelemetry.js.api.1')
      ] ?? {};
    const call = fetch ?? globalThis.fetch;
    if (context === undefined || propagation === undefined) return call(url, init);
    const headers = new Headers(init.headers);
    propagation.inject(context.active(), headers, setter);
    return call(url, { ...init, headers });
  };
}
