import { signatureField } from '@countersign/proof';
import { authenticateAdministrator } from '../../callers/administrator.ts';
import { authenticateBearer, type Bearer } from '../../callers/bearer.ts';
import { realmOf } from '../../callers/realm.ts';
import { pathName } from '../../http/name.ts';
import { type OwnProof, ownProofTexts } from '../../http/route.ts';
import { clientActor } from '../../kernel/caller.ts';
import { Problem } from '../../kernel/problem.ts';
import type { Call, CallerKind } from '../../route.ts';
import type { StandingCaller, Writing } from '../../store/write.ts';
import { adminScope } from '../../subject/administrator.ts';
import type { Realm } from '../../subject/realm.ts';
import { headerProof } from '../oauth/client-proof.ts';
import { authenticatePresentClient } from '../oauth/standing-client.ts';
import { requireOwnSignature, requireStandingKey } from './own-signature.ts';

export interface Owner {
  /** The realm of the path. */
  readonly realm: Realm;
  /** False for an administrator who acts for the participant. */
  readonly isOwn: boolean;
  readonly caller: StandingCaller;
}

/**
 * The caller is the participant named by `:id` in the path, proved by this very request, or an administrator if
 * `accepted` says so.
 *
 * The participant shows its access token to everyone it calls, so a token cannot manage the participant's own
 * credentials (RFC 9700 §2.3). Where the body proves the participant, a token only says who asks.
 */
export function owner(accepted: readonly OwnProof[]): CallerKind<Owner> {
  return { security: 'participant', ownProofs: accepted, authenticate: (call) => authenticateOwner(call, accepted) };
}

async function authenticateOwner(call: Call, accepted: readonly OwnProof[]): Promise<Owner> {
  const realm = await realmOf(call);
  const authorization = call.request.headers.get('authorization');
  const isBearer = authorization !== null && /^Bearer /i.test(authorization);
  const signature = call.request.headers.get(signatureField);
  const assertion = call.request.headers.get('client-assertion');
  const basic = isBearer ? null : authorization;
  if ([signature, assertion, basic].filter((one) => one !== null).length > 1) {
    throw new Problem('request.two_authentication_methods');
  }
  if (signature !== null) {
    requireAccepted(accepted, 'signature');
    return { realm, isOwn: true, caller: await bySignature(call, realm, signature) };
  }
  if (assertion !== null || basic !== null) {
    requireAccepted(accepted, 'client');
    const proof = headerProof(basic, assertion);
    const { client, standing } = await authenticatePresentClient(call.context, realm, proof, call);
    if (client.participantId !== call.params.id) throw notTheParticipant();
    return { realm, isOwn: true, caller: { ...call.caller(clientActor(client.id)), standing } };
  }
  if (authorization === null && !accepted.includes('body')) throw proofMissing(accepted);
  return byToken(call, accepted);
}

async function bySignature(call: Call, realm: Realm, signature: string): Promise<StandingCaller> {
  const participantId = pathName(call, 'id');
  const target = call.context.config.publicUrl + call.target;
  const message = {
    kind: 'request',
    method: call.method,
    target,
    requestTarget: call.target,
    body: await call.bytes(),
  } as const;
  const thumbprint = await requireOwnSignature(call.context, realm, { participantId, signature, message }, call);
  const standing = (tx: Writing) => requireStandingKey(tx, realm.name, participantId, thumbprint);
  return { ...call.caller(`participant:${participantId}`), standing };
}

async function byToken(call: Call, accepted: readonly OwnProof[]): Promise<Owner> {
  const own = await bearerOrUndefined(() => authenticateBearer(call));
  if (own === undefined || own.subject.scopes.includes(adminScope)) {
    const administrator = await authenticateAdministrator(call);
    if (!accepted.includes('administrator')) {
      throw new Problem('caller.forbidden', {
        detail: 'Only the participant itself may do this, not an administrator.',
      });
    }
    return { ...administrator, isOwn: false };
  }
  const { realm, subject } = own;
  if (subject.kind !== 'participant' || subject.participantId !== call.params.id) throw notTheParticipant();
  requireAccepted(accepted, 'body');
  return { realm, isOwn: true, caller: call.caller(clientActor(subject.clientId)) };
}

/** Undefined for a token of another realm, of which only `system` may act here. */
async function bearerOrUndefined(authenticate: () => Promise<Bearer>): Promise<Bearer | undefined> {
  try {
    return await authenticate();
  } catch (thrown) {
    if (thrown instanceof Problem && thrown.code === 'token.other_realm') return undefined;
    throw thrown;
  }
}

function requireAccepted(accepted: readonly OwnProof[], proof: OwnProof): void {
  if (!accepted.includes(proof)) throw proofMissing(accepted);
}

function proofMissing(accepted: readonly OwnProof[]): Problem {
  const ways = accepted.map((proof) => ownProofTexts[proof]).join('; or ');
  return new Problem('registry.own_proof', {
    detail: `An access token of the participant is not enough. Send ${ways}.`,
  });
}

function notTheParticipant(): Problem {
  return new Problem('token.insufficient_scope', {
    detail: 'Only the participant itself may do this, or an administrator.',
  });
}
