import { Code, ConnectError } from '@connectrpc/connect';
import type { Context } from '../context.ts';
import { Problem, toProblem } from '../kernel/problem.ts';
import { logRefusal } from '../kernel/refusal.ts';
import type { Source } from '../kernel/source.ts';
import { storeProblem } from '../store/fault.ts';
import { requireRealm } from '../subject/realm.ts';
import type { RpcCall } from './call.ts';
import type { Content } from './content.ts';
import { timeAllowed } from './deadline.ts';
import type { Procedure } from './procedure.ts';
import { rpcRefusal } from './refusal.ts';
import type { Received } from './service.ts';
import { realmNameOf, type Target } from './target.ts';

/** A call on the wire, from its head to its answer. */
export interface Flight {
  readonly procedure: Procedure;
  readonly content: Content;
  readonly call: RpcCall;
  /** Decoded messages that the handler has not taken yet. */
  readonly received: Received[];
  /** The gRPC status as far as it is known. */
  status(): number;
  /** Makes the checks that need nothing of the body, and starts the clock. */
  admit(): Promise<void>;
  /** The failure as the caller sees it. Logged once, however often this is called. */
  refuse(thrown: unknown): ConnectError;
  /** Ends the wait for the caller. */
  giveUp(problem: Problem): void;
  /** The caller has gone and needs no answer. */
  abandon(): void;
  /** The answer has been sent. */
  end(): void;
}

export interface Head {
  readonly target: Target;
  readonly metadata: Headers;
  readonly source: Source;
}

export function openFlight(
  context: Context,
  stopping: AbortSignal,
  procedure: Procedure,
  content: Content,
  { target, metadata, source }: Head,
): Flight {
  const requestId = context.random.uuid();
  const controller = new AbortController();
  let realmName = target.realm ?? context.config.defaultRealm;
  let deadline: NodeJS.Timeout | undefined;
  let refused: ConnectError | undefined;
  return {
    procedure,
    content,
    received: [],
    call: {
      context,
      procedure: procedure.path,
      requestId,
      source,
      metadata,
      bytes: new Uint8Array(),
      sealedBy: undefined,
      signal: controller.signal,
      stopping,
      answerMetadata: new Headers(),
      realm: () => requireRealm(context, realmName),
      caller: (actor) => ({ actor, requestId, source }),
    },
    status: () => refused?.code ?? 0,
    async admit() {
      const kind = procedure.method.methodKind === 'unary' ? 'unary' : 'stream';
      const allowed = timeAllowed(content, kind, metadata);
      if (allowed === 0) throw new Problem('rpc.deadline');
      if (allowed !== undefined) deadline = setTimeout(() => controller.abort(new Problem('rpc.deadline')), allowed);
      if (procedure.realm === 'none') return;
      realmName = realmNameOf(target.realm, metadata.get('realm'), realmName);
      await requireRealm(context, realmName);
    },
    refuse(thrown) {
      if (thrown instanceof ConnectError && (thrown === refused || thrown === controller.signal.reason)) {
        refused = thrown;
        return thrown;
      }
      const problem = toProblem(storeProblem(thrown));
      logRefusal(context.log, problem, { requestId, route: procedure.path, source: source.address });
      refused = rpcRefusal(problem, requestId, realmName);
      return refused;
    },
    giveUp(problem) {
      controller.abort(problem);
    },
    abandon() {
      controller.abort(new ConnectError('The caller has gone.', Code.Canceled));
    },
    end() {
      clearTimeout(deadline);
    },
  };
}

/** Rejects as soon as the call is aborted. A rule that ignores the signal runs on in the background. */
export function untilAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  if (signal.aborted) {
    // Its failure, which is no longer awaited, would end the process.
    work.catch(() => {});
    return Promise.reject(signal.reason);
  }
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
