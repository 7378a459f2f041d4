import { tmpdir } from 'node:os';
import { createEdge, createParticipant, tracedFetch } from '@countersign/client';
import { sourceOf } from '../http/source.ts';
import { createLog, type Log } from '../kernel/log.ts';
import { Problem } from '../kernel/problem.ts';
import { administration } from './admin.ts';
import { type Answerer, answering } from './call.ts';
import { forward } from './forward.ts';
import { type InboundOptions, inbound } from './inbound.ts';
import { type Listener, listen } from './listener.ts';
import { logins, logsIn } from './logins.ts';
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
  /** Undefined if the gateway sends nothing for an application. */
  readonly forwardUrl: string | undefined;
  /** Takes no new calls and lets running calls end. */
  stop(): Promise<void>;
}

/** Bytes of all bodies that are verified at the same time. */
const roomBytes = 67_108_864;
/** A key that cannot stream holds the whole body in memory while it signs. */
const maxHeldResponse = 8_388_608;
const maxStreamedResponse = 67_108_864;
/** Responses to our own calls are verified in memory. */
const maxForwardResponse = 16_777_216;

/** @throws {Problem} `config.invalid`; {ClientError} `signing_key.*`; the errors of listening */
export async function startGateway(options: GatewayOptions, log: Log = createLog(options.logLevel)): Promise<Gateway> {
  checkAddresses(options);
  const { accept, adminListen, forwardListen } = options;
  const upstream = createUpstream({ url: options.upstream, timeout: options.timeout });
  const now = Date.now;
  const subject = await createSubjectSigner({ audience: options.upstream.origin, key: options.subjectKey, now });
  const common: Common = {
    ...{ upstream, subject, maxBody: options.maxBody, spoolDir: options.spoolDir ?? tmpdir() },
    sourceOf: sourceOf(options.trustedProxies, 'trustedProxies'),
  };
  const messages = await messageSide(options, common);
  const people = accept.some((kind) => kind !== 'message') ? loginSide(options, common) : undefined;
  const client = messages?.participant ?? people?.edge;
  if (client === undefined) throw new Problem('config.invalid', { detail: 'accept: must name at least one kind.' });
  const metrics = createGatewayMetrics();
  const front = (url: string): Answerer => {
    const publicUrl = options.publicUrl ?? url;
    const [byMessage, byLogin] = [messages?.inbound(publicUrl), people?.inbound(publicUrl)];
    return (call) => {
      const answer = byLogin !== undefined && logsIn(call, accept) ? byLogin : byMessage;
      if (answer === undefined) throw new Problem('internal');
      return answer(call);
    };
  };

  const listeners: Listener[] = [];
  const open = async (...how: Parameters<typeof listen>): Promise<string> => {
    const listener = await listen(...how);
    listeners.push(listener);
    return listener.url;
  };
  const stop = async (): Promise<void> => {
    await Promise.all(listeners.map((listener) => listener.stop()));
    upstream.close();
    messages?.participant.close();
    people?.edge.close();
  };
  const seen = { log, count: metrics.count };
  try {
    const adminUrl = await open(adminListen, () => administration({ client, subject, metrics }));
    const back = messages?.back;
    const forwardUrl =
      forwardListen && back && (await open(forwardListen, () => answering(back, { direction: 'forward', ...seen })));
    const url = await open(options.listen, (own) => answering(front(own), { direction: 'inbound', ...seen }), options);
    return { url, adminUrl, forwardUrl, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

type Common = Pick<InboundOptions, 'upstream' | 'subject' | 'maxBody' | 'spoolDir' | 'sourceOf'>;

/** The parts that act in the name of a participant. Undefined if there is no key. */
async function messageSide(options: GatewayOptions, common: Common) {
  if (options.participant === undefined) return undefined;
  const { privateKey: key, form, issuer } = options.participant;
  const signer = await createResponseSigner({ key, form, now: Date.now });
  const maxResponse = responseBound(options, signer);
  const participant = createParticipant({ ...options.participant, fetch: tracedFetch(options.participant.fetch) });
  const room = createRoom(roomBytes);
  const { unsigned, unsafe, timeout } = options;
  return {
    participant,
    inbound: (publicUrl: string) => inbound({ ...common, participant, signer, maxResponse, unsigned, publicUrl, room }),
    back: forward({
      ...{ participant, timeout, maxBody: common.maxBody, spoolDir: common.spoolDir },
      maxResponse: Math.min(maxResponse, maxForwardResponse),
      isLocalRealm: isLoopbackHost(new URL(issuer).hostname),
      allowPlainHttp: unsafe.allowPlainHttp,
      allowRemote: unsafe.listenForOtherMachines,
    }),
  };
}

/** The parts that serve callers who log in. */
function loginSide({ accept, client, upstream, subjectAudience }: GatewayOptions, common: Common) {
  const edge = createEdge({ ...client, audience: subjectAudience ?? upstream.origin });
  return { edge, inbound: (publicUrl: string) => logins({ ...common, edge, accept, publicUrl }) };
}

/** The ports that act in our name or tell about the gateway are for this machine only. */
function checkAddresses(options: GatewayOptions): void {
  const { forwardListen, adminListen, unsafe } = options;
  if (options.accept.includes('basic') && !isPrivate(options)) {
    throw new Problem('config.invalid', {
      detail: 'accept: passwords need TLS: tlsCert and tlsKey, or a publicUrl that is https, where a proxy ends it.',
    });
  }
  for (const [name, address] of Object.entries({ forwardListen, adminListen })) {
    if (address === undefined || isLoopbackHost(address.host) || unsafe.listenForOtherMachines) continue;
    throw new Problem('config.invalid', {
      detail: `${name}: must be an address of this machine, such as 127.0.0.1:8444.`,
    });
  }
}

/** True if callers reach the gateway over TLS, or from this machine only. */
function isPrivate({ tls, publicUrl, listen: { host } }: GatewayOptions): boolean {
  return tls !== undefined || isLoopbackHost(host) || publicUrl?.startsWith('https:') === true;
}

function responseBound({ maxResponse }: GatewayOptions, { isStreaming }: ResponseSigner): number {
  if (isStreaming) return maxResponse ?? maxStreamedResponse;
  if (maxResponse !== undefined && maxResponse > maxHeldResponse) {
    throw new Problem('config.invalid', { detail: 'maxResponse: an Ed25519 key signs at most 8MiB.' });
  }
  return maxResponse ?? maxHeldResponse;
}
