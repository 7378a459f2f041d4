import { create, type DescMessage, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { SecureService } from '@countersign/client/rpc';
import type { Answer } from '@countersign/proof/didcomm';
import { enumNameOf, Problem, rendering, toProblem } from '../kernel/problem.ts';
import { logRefusal } from '../kernel/refusal.ts';
import type { RpcCall } from '../rpc/call.ts';
import { type Procedure, proceduresOf } from '../rpc/procedure.ts';
import { decode } from '../rpc/receive.ts';
import { publicText } from '../rpc/refusal.ts';
import { type RpcService, rpcService, unary } from '../rpc/service.ts';
import { storeProblem } from '../store/fault.ts';
import { anybodyInRealm } from './callers.rpc.ts';
import { answerPing, type OpenedCall, openPacked, sealAnswer } from './tunnel.ts';

/** "pack, if secure endpoint": the unary calls of these services as packed messages, each served by its own handler. */
export function secureService(services: readonly RpcService[]): RpcService {
  const procedures = new Map(proceduresOf(services).map((procedure) => [procedure.path, procedure]));
  return rpcService(SecureService, {
    // The packed call decides who must prove itself: its own procedure authenticates.
    request: unary(anybodyInRealm, async ({ message: { message }, call, who: realm }) => {
      const opened = await openPacked(call.context, realm, message);
      if ('isPing' in opened) return { message: await answerPing(call.context, opened) };
      const answer = await answerTo(procedures.get(opened.method), opened, call);
      return { message: await sealAnswer(call.context, opened, answer) };
    }),
  });
}

async function answerTo(procedure: Procedure | undefined, opened: OpenedCall, outer: RpcCall): Promise<Answer> {
  const { method, message: bytes } = opened;
  try {
    if (procedure?.method.methodKind !== 'unary') throw new Problem('rpc.unimplemented');
    const { input, output } = {
      input: decode(procedure.method, { codec: 'proto' }, bytes),
      output: procedure.method.output,
    };
    const answer = await (procedure.handle(input as never, innerCall(opened, outer)) as Promise<object>);
    const message = create(output, answer as MessageInitShape<DescMessage>);
    return { method, status: 0, message: toBinary(output, message) };
  } catch (thrown) {
    const problem = toProblem(storeProblem(thrown));
    const { requestId, source, context } = outer;
    logRefusal(context.log, problem, { requestId, route: procedure?.path ?? 'a packed call', source: source.address });
    const error = publicText(problem).slice(0, 1_000).toWellFormed();
    return { method, status: rendering(problem).grpc, error, reason: enumNameOf(problem.code) };
  }
}

/** Takes only the contents of the message, and nothing of the metadata around it. */
function innerCall({ method, message, authorization, sender }: OpenedCall, outer: RpcCall): RpcCall {
  const metadata = new Headers();
  if (authorization !== undefined && 'invocation' in authorization) {
    metadata.set('capability-invocation', authorization.invocation);
  } else if (authorization !== undefined) {
    const { token, dpop } = authorization;
    metadata.set('authorization', `${dpop === undefined ? 'Bearer' : 'DPoP'} ${token}`);
    if (dpop !== undefined) metadata.set('dpop', dpop);
  }
  return { ...outer, procedure: method, bytes: message, metadata, sealedBy: sender, answerMetadata: new Headers() };
}
