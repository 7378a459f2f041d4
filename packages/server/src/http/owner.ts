import { signatureField } from '@countersign/proof';
import type { Caller } from '../context.ts';
import { Problem } from '../kernel/problem.ts';
import { authenticateClient, headerProof } from '../registry/client-authentication.ts';
import { requireOwnSignature } from '../registry/own-signature.ts';
import { adminScope } from '../subject/administrator.ts';
import { callerOf } from './administration.ts';
import { authenticateAdministrator, authenticateBearer } from './authenticate.ts';
import { readBytes } from './body.ts';
import type { Call } from './call.ts';
import { pathName } from './name.ts';
import { type OwnProof, ownProofTexts } from './route.ts';

export interface Owner {
  /** The realm of the path. */
  readonly realm: string;
  /** False for an administrator who acts for the participant. */
  readonly isOwn: boolean;
  readonly caller: Caller;
  /** The exact bytes of the body, which a signature covers. */
  readonly body: Uint8Array;
}

/**
 * The participant that the `:id` of the path names, proved by this very request; or an administrator, where `accepted` says so.
 *
 * An access token is shown to everybody whom the participant calls, so it manages no credential of its own (RFC 9700 §2.3). Where
 * the body proves the participant, a token only says who asks.
 */
export async function authenticateOwner(call: Call, accepted: readonly OwnProof[]): Promise<Owner> {
  const body = await readBytes(call.request);
  const realm = await call.realm();
  const authorization = call.request.headers.get('authorization');
  const isBearer = authorization !== null && /^Bearer /i.test(authorization);
  const signature = call.request.headers.get(signatureField);
  const assertion = call.request.headers.get('client-assertion');
  const basic = isBearer ? null : authorization;
  if ([signature, assertion, basic].filter((one) => one !== null).length > 1) {
    throw new Problem('request.two_authentication_methods');
  }
  const owner = (caller: Caller, isOwn = true) => ({ realm: realm.name, isOwn, caller, body });
  if (signature !== null) {
    requireAccepted(accepted, 'signature');
    return owner(await bySignature(call, signature, body));
  }
  if (assertion !== null || basic !== null) {
    requireAccepted(accepted, 'client');
    const { client } = await authenticateClient(call.context, realm, headerProof(basic, assertion), call.source);
    if (client.participantId !== call.params['id']) throw notTheParticipant();
    return owner(call.caller(client.id));
  }
  if (authorization === null && !accepted.includes('body')) throw proofMissing(accepted);
  const { isOwn, caller } = await byToken(call, accepted);
  return owner(caller, isOwn);
}

async function bySignature(call: Call, signature: string, body: Uint8Array): Promise<Caller> {
  const participantId = pathName(call, 'id');
  const target = call.context.config.publicUrl + call.target;
  const message = { kind: 'request', method: call.method, target, requestTarget: call.target, body } as const;
  await requireOwnSignature(call.context, await call.realm(), { participantId, signature, message }, call.source);
  return call.caller(`participant:${participantId}`);
}

async function byToken(call: Call, accepted: readonly OwnProof[]): Promise<Pick<Owner, 'isOwn' | 'caller'>> {
  const subject = await bearerOrSystem(call);
  if (subject.scopes.includes(adminScope)) {
    const administrator = await authenticateAdministrator(call);
    if (!accepted.includes('administrator')) {
      throw new Problem('caller.forbidden', 'Only the participant itself may do this, not an administrator.');
    }
    return { isOwn: false, caller: callerOf(call, administrator) };
  }
  if (subject.kind !== 'participant' || subject.participantId !== call.params['id']) throw notTheParticipant();
  requireAccepted(accepted, 'body');
  return { isOwn: true, caller: callerOf(call, subject) };
}

async function bearerOrSystem(call: Call) {
  try {
    return await authenticateBearer(call);
  } catch (thrown) {
    // Of the other realms only `system` has a say here.
    if (thrown instanceof Problem && thrown.code === 'token.other_realm') return authenticateAdministrator(call);
    throw thrown;
  }
}

function requireAccepted(accepted: readonly OwnProof[], proof: OwnProof): void {
  if (!accepted.includes(proof)) throw proofMissing(accepted);
}

function proofMissing(accepted: readonly OwnProof[]): Problem {
  const ways = accepted.map((proof) => ownProofTexts[proof]).join('; or ');
  return new Problem('registry.own_proof', `An access token of the participant is not enough. Send ${ways}.`);
}

function notTheParticipant(): Problem {
  return new Problem('token.insufficient_scope', 'Only the participant itself may do this, or an administrator.');
}
