import { delegateCapability, type JsonObject, parseInstant, realmPrefix } from '@countersign/proof';
import { z } from 'zod';
import type { Context } from '../context.ts';
import type { Caller } from '../kernel/caller.ts';
import { Problem } from '../kernel/problem.ts';
import { write } from '../store/write.ts';
import type { Realm } from '../subject/realm.ts';
import { custodialSigner } from '../subject/secrets/custody.ts';
import { registerCapability } from './capability.ts';
import { delegationTime } from './owner.ts';
import { realmDid } from './realm-did.ts';
import { lookUpTarget, type Target } from './target.ts';

/**
 * The capability for the realm itself that an administrator may give a DID: to invite. The realm's own DID signs it.
 */
export const realmCapabilitySchema = z.strictObject({
  controller: z.string().regex(/^did:key:z[1-9A-HJ-NP-Za-km-z]{40,140}$/, 'must be a did:key'),
  expires: z
    .string()
    .refine((text) => parseInstant(text) !== undefined, 'must be an RFC 3339 time')
    .meta({ format: 'date-time', description: 'In the future.' }),
});

export type RealmCapability = z.output<typeof realmCapabilitySchema>;

export async function delegateRealm(
  context: Context,
  realm: Realm,
  { controller, expires }: RealmCapability,
  caller: Caller,
): Promise<JsonObject> {
  const target = realmPrefix + realm.name;
  const { root, ownerDid } = (await lookUpTarget(context, realm, target)) as Target;
  const end = parseInstant(expires) as number;
  if (end <= context.clock.now())
    throw new Problem('request.invalid', { detail: 'expires is past.', pointer: '/expires' });
  const { secrets } = await realmDid(context, realm.name);
  const delegation = {
    parent: root,
    id: `urn:uuid:${context.random.uuid()}`,
    controller,
    allowedAction: ['invite'],
    expires: end,
    created: delegationTime(context.clock.now()),
  };
  const document = await delegateCapability(delegation, custodialSigner(ownerDid, secrets));
  await write(context, caller, (tx) => registerCapability(tx, realm.name, target, document));
  return document;
}
