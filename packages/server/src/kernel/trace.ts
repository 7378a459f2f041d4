import {
  type Attributes,
  context,
  ProxyTracerProvider,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';

/**
 * Spans for OpenTelemetry, by its API alone: without an SDK in the process nothing is made, and each place costs one
 * look at a global. Attributes have only what the log has: routes, codes and request ids, never a path, an address, a
 * token or a key.
 */
const scope = 'countersign';

/** Fields of a request, as Node and fetch have them. */
type Fields = Readonly<Record<string, string | readonly string[] | undefined>>;

interface Spanned {
  readonly kind?: SpanKind;
  readonly attributes?: () => Attributes;
  /** The request that the span answers. */
  readonly from?: Fields;
}

/** Runs `act` in a span. It fails with `act`. */
export function traced<T>(name: string, act: () => T, spanned?: Spanned): T {
  const tracer = tracerOf();
  return tracer === undefined ? act() : inSpan(tracer, name, act, spanned ?? {});
}

/** Adds attributes to the span that this code runs in. */
export function traceWith(attributes: () => Attributes): void {
  if (tracerOf() !== undefined) trace.getActiveSpan()?.setAttributes(attributes());
}

export const server = SpanKind.SERVER;
export const client = SpanKind.CLIENT;

/** Undefined while no SDK is registered. */
function tracerOf(): Tracer | undefined {
  const provider = trace.getTracerProvider();
  return provider instanceof ProxyTracerProvider ? provider.getDelegateTracer(scope) : provider.getTracer(scope);
}

function inSpan<T>(tracer: Tracer, name: string, act: () => T, { kind, attributes, from }: Spanned): T {
  const options = { kind: kind ?? SpanKind.INTERNAL, attributes: attributes?.() ?? {} };
  return tracer.startActiveSpan(name, options, from === undefined ? context.active() : parentOf(from), (span) => {
    const failed = (error: unknown): never => {
      // The message of an error may hold what a caller sent.
      const code = (error as { readonly code?: unknown } | undefined)?.code;
      if (typeof code === 'string') span.setAttribute('error.type', code);
      span.setStatus({ code: SpanStatusCode.ERROR });
      span.end();
      throw error;
    };
    try {
      const result = act();
      if (!(result instanceof Promise)) {
        span.end();
        return result;
      }
      return result.then((value) => {
        span.end();
        return value;
      }, failed) as T;
    } catch (error) {
      return failed(error);
    }
  });
}

/**
 * The trace that the caller is in (W3C `traceparent`), unless another instrumentation has taken it already. Baggage is
 * dropped: a caller must not write into what the server sends to others.
 */
function parentOf(fields: Fields) {
  if (trace.getActiveSpan() !== undefined) return context.active();
  const given = trace.getSpanContext(propagation.extract(ROOT_CONTEXT, fields));
  return given === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, given);
}
