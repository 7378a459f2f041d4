import { tmpdir } from 'node:os';
import { createParticipant } from '@countersign/client';
import { createLog, type Log } from '../kernel/log.ts';
import { Problem } from '../kernel/problem.ts';
import { administration } from './admin.ts';
import { answering } from './call.ts';
import { forward } from './forward.ts';
import { inbound } from './inbound.ts';
import { type Listener, listen } from './listener.ts';
import { isLoopbackHost } from './loopback.ts';
import { createGatewayMetrics } from './metrics.ts';
import type { GatewayOptions } from './options.ts';
import { createResponseSigner, type ResponseSigner } from './response-signature.ts';
import { createRoom } from './room.ts';
import { createSubjectSigner } from './subject-header.ts';
import { createUpstream } from './upstream.ts';

export interface Gateway {
  readonly url: string;
  readonly adminUrl: string;
  /** Undefined where nothing is sent on behalf of an application. */
  readonly forwardUrl: string | undefined;
  /** Takes no new calls, and lets those that have begun come to their end. */
  stop(): Promise<void>;
}

/** Of all bodies together that are verified at the same moment. */
const roomBytes = 67_108_864;
/** A key that cannot stream holds the whole body in memory while it signs. */
const maxHeldResponse = 8_388_608;
const maxStreamedResponse = 67_108_864;
/** A response to us is verified in memory. */
const maxForwardResponse = 16_777_216;

/** @throws {Problem} `config.invalid`; {ClientError} `signing_key.*`; what listening throws */
export async function startGateway(options: GatewayOptions, log: Log = createLog(options.logLevel)): Promise<Gateway> {
  checkAddresses(options);
  const { upstream: upstreamUrl, timeout, maxBody, spoolDir = tmpdir(), unsafe } = options;
  const { privateKey: key, form, issuer } = options.participant;
  const now = Date.now;
  const signer = await createResponseSigner({ key, form, now });
  const maxResponse = responseBound(options, signer);
  const subject = await createSubjectSigner({ audience: upstreamUrl.origin, key: options.subjectKey, now });
  const participant = createParticipant(options.participant);
  const upstream = createUpstream({ url: upstreamUrl, timeout });
  const metrics = createGatewayMetrics();
  const common = { participant, maxBody, spoolDir };
  const front = (url: string) =>
    inbound({
      ...{ ...common, upstream, subject, signer, maxResponse, unsigned: options.unsigned },
      publicUrl: options.publicUrl ?? url,
      room: createRoom(roomBytes),
    });
  const back = forward({
    ...{ ...common, timeout },
    maxResponse: Math.min(maxResponse, maxForwardResponse),
    isLocalRealm: isLoopbackHost(new URL(issuer).hostname),
    allowPlainHttp: unsafe.allowPlainHttp,
    allowRemote: unsafe.listenForOtherMachines,
  });

  const listeners: Listener[] = [];
  const open = async (...how: Parameters<typeof listen>): Promise<string> => {
    const listener = await listen(...how);
    listeners.push(listener);
    return listener.url;
  };
  const stop = async (): Promise<void> => {
    await Promise.all(listeners.map((listener) => listener.stop()));
    upstream.close();
    participant.close();
  };
  const seen = { log, count: metrics.count };
  try {
    const adminUrl = await open(options.adminListen, () => administration({ participant, subject, metrics }));
    const forwardUrl =
      options.forwardListen &&
      (await open(options.forwardListen, () => answering(back, { direction: 'forward', ...seen })));
    const url = await open(options.listen, (own) => answering(front(own), { direction: 'inbound', ...seen }), options);
    return { url, adminUrl, forwardUrl, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** What speaks in our name, and what tells about us, is for this machine only. */
function checkAddresses({ forwardListen, adminListen, unsafe }: GatewayOptions): void {
  for (const [name, address] of Object.entries({ forwardListen, adminListen })) {
    if (address === undefined || isLoopbackHost(address.host) || unsafe.listenForOtherMachines) continue;
    throw new Problem('config.invalid', `${name}: must be an address of this machine, such as 127.0.0.1:8444.`);
  }
}

function responseBound({ maxResponse }: GatewayOptions, { isStreaming }: ResponseSigner): number {
  if (isStreaming) return maxResponse ?? maxStreamedResponse;
  if (maxResponse !== undefined && maxResponse > maxHeldResponse) {
    throw new Problem('config.invalid', 'maxResponse: an Ed25519 key signs at most 8MiB.');
  }
  return maxResponse ?? maxHeldResponse;
}
