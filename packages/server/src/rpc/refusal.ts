import { Code, ConnectError } from '@connectrpc/connect';
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from '@countersign/client/rpc';
import { challenge } from '../http/render.ts';
import { type Problem, rendering } from '../kernel/problem.ts';

type OutgoingDetail = NonNullable<ConstructorParameters<typeof ConnectError>[3]>[number];

/**
 * A problem as callers of RPCs see it: a gRPC status with `google.rpc.ErrorInfo`, whose reason is the code of the
 * problem.
 */
export function rpcRefusal(problem: Problem, requestId: string, realm: string): ConnectError {
  const { grpc } = rendering(problem);
  const { code, pointer, retryAfter } = problem;
  const message = publicText(problem);
  const details: OutgoingDetail[] = [
    { desc: ErrorInfoSchema, value: { reason: code, domain: 'countersign', metadata: { requestId } } },
  ];
  if (pointer !== undefined) {
    details.push({ desc: BadRequestSchema, value: { fieldViolations: [{ field: pointer, description: message }] } });
  }
  if (retryAfter !== undefined) {
    details.push({ desc: RetryInfoSchema, value: { retryDelay: { seconds: BigInt(retryAfter) } } });
  }
  const metadata = new Headers();
  if (retryAfter !== undefined) metadata.set('retry-after', String(retryAfter));
  if (grpc === Code.Unauthenticated) {
    metadata.set('www-authenticate', challenge(problem, { security: 'bearer' }, { params: { realm } }));
  }
  return new ConnectError(message, grpc as Code, metadata, details);
}

/** A server fault tells no details. Quoted input may have been cut within a character, which gRPC cannot write. */
export function publicText(problem: Problem): string {
  const { status, text } = rendering(problem);
  return (status >= 500 ? text : problem.message).toWellFormed();
}
